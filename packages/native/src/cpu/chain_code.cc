#include "cpu/chain_code.h"

#include <map>
#include <optional>
#include <stdexcept>
#include <utility>

#include "bytes.h"
#include "math/simd/half.h"

namespace mayfly::cpu {
namespace {

using mil::Element;
using mil::OpKind;

// The value of a constant of one fp16 or fp32 element.
std::optional<float> ScalarOf(const mil::Value& value) {
  if (value.constant == nullptr || value.type.elements() != 1) return {};
  if (value.type.element == Element::kFp16) return HalfToFloat(LoadBytes<uint16_t>(value.constant->data));
  if (value.type.element == Element::kFp32) return LoadBytes<float>(value.constant->data);
  return {};
}

Opcode Arithmetic(OpKind kind, bool integer) {
  switch (kind) {
    case OpKind::kAdd: return integer ? Opcode::kAddInt : Opcode::kAdd;
    case OpKind::kSub: return integer ? Opcode::kSubInt : Opcode::kSub;
    case OpKind::kMul: return integer ? Opcode::kMulInt : Opcode::kMul;
    case OpKind::kRealDiv: return Opcode::kDiv;
    case OpKind::kMaximum: return integer ? Opcode::kMaxInt : Opcode::kMax;
    case OpKind::kMinimum: return integer ? Opcode::kMinInt : Opcode::kMin;
    case OpKind::kEqual: return integer ? Opcode::kEqualInt : Opcode::kEqual;
    case OpKind::kNotEqual: return integer ? Opcode::kNotEqualInt : Opcode::kNotEqual;
    case OpKind::kLess:
    case OpKind::kGreater: return integer ? Opcode::kLessInt : Opcode::kLess;
    case OpKind::kLessEqual:
    case OpKind::kGreaterEqual: return integer ? Opcode::kLessEqualInt : Opcode::kLessEqual;
    case OpKind::kSelect: return Opcode::kSelect;
    case OpKind::kSqrt: return Opcode::kSqrt;
    case OpKind::kRsqrt: return Opcode::kRsqrt;
    case OpKind::kExp: return Opcode::kExp;
    case OpKind::kLog: return Opcode::kLog;
    case OpKind::kSigmoid: return Opcode::kSigmoid;
    case OpKind::kSilu: return Opcode::kSilu;
    case OpKind::kTanh: return Opcode::kTanh;
    case OpKind::kErf: return Opcode::kErf;
    case OpKind::kRelu: return integer ? Opcode::kReluInt : Opcode::kRelu;
    case OpKind::kAbs: return integer ? Opcode::kAbsInt : Opcode::kAbs;
    case OpKind::kRound: return Opcode::kRound;
    case OpKind::kClip: return Opcode::kClip;
    case OpKind::kSquare: return integer ? Opcode::kMulInt : Opcode::kMul;
    case OpKind::kPow: return Opcode::kPow;
    // CastOpcode decides, since it depends on both types.
    case OpKind::kCast:
    case OpKind::kIdentity:
    case OpKind::kReshape:
    case OpKind::kTranspose:
    case OpKind::kSlice:
    case OpKind::kConcat:
    case OpKind::kTile:
    case OpKind::kGather:
    case OpKind::kWindows:
    case OpKind::kMatmul:
    case OpKind::kConv:
    case OpKind::kSoftmax:
    case OpKind::kReduceSum:
    case OpKind::kReduceMean:
    case OpKind::kReduceMax:
    case OpKind::kReduceMin: break;
  }
  throw std::logic_error("no elementwise operation");
}

// The instruction for an exponent that has one of its own, with the same result as pow.
std::optional<Opcode> PowerOpcode(float exponent) {
  if (exponent == 2.0f) return Opcode::kSquare;
  if (exponent == 0.5f) return Opcode::kSqrt;
  if (exponent == -0.5f) return Opcode::kRsqrt;
  if (exponent == -1.0f) return Opcode::kInverse;
  return {};
}

class Compiler {
 public:
  Compiler(const Chain& chain, const std::vector<bool>& uniform) : chain_(chain), program_(*chain.program) {
    CountUses();
    for (size_t i = 0; i < chain.inputs.size(); ++i) {
      const int reg = Allocate();
      registers_[chain.inputs[i].first] = reg;
      // A use that is never released keeps the register.
      if (uniform[i]) ++uses_[chain.inputs[i].first];
      code_.inputs.push_back(reg);
    }
    for (int operation : chain.operations) Compile(program_.operations[static_cast<size_t>(operation)]);
    for (mil::ValueId result : chain.results) code_.results.push_back(registers_.at(result));
  }

  ChainCode Take() { return std::move(code_); }

 private:
  void CountUses() {
    for (int operation : chain_.operations) {
      for (mil::ValueId input : program_.operations[static_cast<size_t>(operation)].inputs) ++uses_[input];
    }
    for (mil::ValueId result : chain_.results) ++uses_[result];
  }

  int Allocate() {
    if (free_.empty()) return next_++;
    const int reg = free_.back();
    free_.pop_back();
    return reg;
  }

  bool IsInteger(mil::ValueId value) const {
    return !mil::IsFloat(program_.values[static_cast<size_t>(value)].type.element);
  }

  void Compile(const mil::Operation& operation) {
    Instruction in{};
    uint8_t operands[3] = {0, 0, 0};
    for (size_t i = 0; i < operation.inputs.size(); ++i)
      operands[i] = static_cast<uint8_t>(registers_.at(operation.inputs[i]));
    in.a = operands[0];
    in.b = operation.inputs.size() > 1 ? operands[1] : operands[0];
    in.c = operands[2];
    const bool integer = IsInteger(operation.inputs[0]);
    in.opcode = operation.kind == OpKind::kCast ? CastOpcode(operation) : Arithmetic(operation.kind, integer);
    // Allocating before releasing gives the result a register that no operand has.
    const int to = Allocate();
    in.to = static_cast<uint8_t>(to);
    if (operation.kind == OpKind::kGreater || operation.kind == OpKind::kGreaterEqual) std::swap(in.a, in.b);
    if (operation.kind == OpKind::kPow) {
      const std::optional<float> exponent = ScalarOf(program_.values[static_cast<size_t>(operation.inputs[1])]);
      if (exponent) in.opcode = PowerOpcode(*exponent).value_or(Opcode::kPow);
    }
    if (const auto* epsilon = std::get_if<mil::EpsilonAttributes>(&operation.attributes)) in.x = epsilon->epsilon;
    if (const auto* clip = std::get_if<mil::ClipAttributes>(&operation.attributes)) {
      in.x = clip->low;
      in.y = clip->high;
    }
    code_.instructions.push_back(in);
    registers_[operation.result] = to;
    for (mil::ValueId input : operation.inputs) {
      if (--uses_[input] == 0) free_.push_back(registers_.at(input));
    }
    if (uses_[operation.result] == 0) free_.push_back(to);
  }

  Opcode CastOpcode(const mil::Operation& operation) const {
    const Element from = program_.values[static_cast<size_t>(operation.inputs[0])].type.element;
    const Element to = program_.values[static_cast<size_t>(operation.result)].type.element;
    if (to == Element::kBool) return mil::IsFloat(from) ? Opcode::kFloatToBool : Opcode::kIntToBool;
    if (mil::IsFloat(to))
      return mil::IsFloat(from) ? (to == Element::kFp16 ? Opcode::kRoundToHalf : Opcode::kCopy) : Opcode::kIntToFloat;
    return mil::IsFloat(from) ? Opcode::kFloatToInt : Opcode::kCopy;
  }

  const Chain& chain_;
  const mil::TypedProgram& program_;
  std::map<mil::ValueId, int> uses_;
  std::map<mil::ValueId, int> registers_;
  std::vector<int> free_;
  int next_ = 0;
  ChainCode code_;
};

}  // namespace

ChainCode CompileChain(const Chain& chain, const std::vector<bool>& uniform) { return Compiler(chain, uniform).Take(); }

}  // namespace mayfly::cpu
