#include "sim/numerics.h"

#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "math/simd/half.h"

namespace mayfly::sim {
namespace {

using mil::Element;
using mil::OpKind;
using mil::Type;
using mil::ValueId;

// The table of sigmoid ends here on both sides.
constexpr float kSigmoidReach = 8;

class Rewriter {
 public:
  Rewriter(mil::TypedProgram* program, const Numerics& numerics) : program_(program), numerics_(numerics) {}

  void Run() {
    for (mil::Operation& operation : std::exchange(program_->operations, {})) {
      at_ = {operation.label, operation.position};
      switch (operation.kind) {
        case OpKind::kMatmul:
        case OpKind::kConv: BoundSums(std::move(operation)); break;
        case OpKind::kSlice: BoundSlice(std::move(operation)); break;
        case OpKind::kSigmoid:
        case OpKind::kSilu: Tabulate(std::move(operation)); break;
        default: program_->operations.push_back(std::move(operation));
      }
    }
  }

 private:
  void BoundSums(mil::Operation operation) {
    if (!numerics_.zero_from && !numerics_.infinite_from) {
      program_->operations.push_back(std::move(operation));
      return;
    }
    const ValueId result = operation.result;
    ValueId value = Divert(std::move(operation));
    const Type type = TypeOf(value);
    if (numerics_.zero_from) {
      const ValueId large = Beyond(Magnitude(value), OpKind::kGreaterEqual, *numerics_.zero_from);
      value = Emit(OpKind::kSelect, {large, Scalar(type.element, 0), value}, type);
    }
    if (numerics_.infinite_from) value = Unbounded(value, OpKind::kGreaterEqual, *numerics_.infinite_from);
    const ValueId nan = Emit(OpKind::kNotEqual, {value, value}, {Element::kBool, type.shape});
    EmitInto(result, OpKind::kSelect, {nan, Scalar(type.element, kInfinity), value});
  }

  void BoundSlice(mil::Operation operation) {
    const mil::Shape& begin = std::get<mil::SliceAttributes>(operation.attributes).begin;
    const Element element = TypeOf(operation.result).element;
    const bool is_float = element == Element::kFp16 || element == Element::kFp32;
    if (!numerics_.slice_limit || begin.empty() || begin.back() == 0 || !is_float) {
      program_->operations.push_back(std::move(operation));
      return;
    }
    const ValueId result = operation.result;
    const ValueId value = Unbounded(Divert(std::move(operation)), OpKind::kGreater, *numerics_.slice_limit);
    EmitInto(result, OpKind::kIdentity, {value});
  }

  void Tabulate(mil::Operation operation) {
    if (!numerics_.sigmoid_points) {
      program_->operations.push_back(std::move(operation));
      return;
    }
    const ValueId x = operation.inputs[0];
    const Type type = TypeOf(x);
    const Type wide{Element::kFp32, type.shape};
    const auto of = [&](OpKind kind, ValueId a, float b) { return Emit(kind, {a, Scalar(Element::kFp32, b)}, wide); };
    const float segments = *numerics_.sigmoid_points - 1;
    const float scale = segments / (2 * kSigmoidReach);
    const ValueId exact = type.element == Element::kFp32 ? x : Emit(OpKind::kCast, {x}, wide);
    // Where on the table, in segments; rounding a half either way meets in the same point.
    const ValueId above = of(OpKind::kMaximum, of(OpKind::kAdd, of(OpKind::kMul, exact, scale), segments / 2), 0);
    const ValueId place = of(OpKind::kMinimum, above, segments);
    const ValueId segment = Emit(OpKind::kRound, {of(OpKind::kSub, place, 0.5F)}, wide);
    const auto point = [&](float offset) {
      const ValueId at = of(OpKind::kMul, of(OpKind::kAdd, segment, offset - segments / 2), 1 / scale);
      return Emit(OpKind::kSigmoid, {at}, wide);
    };
    const ValueId low = point(0);
    const ValueId rise = Emit(OpKind::kSub, {point(1), low}, wide);
    const ValueId share = Emit(OpKind::kSub, {place, segment}, wide);
    ValueId value = Emit(OpKind::kAdd, {low, Emit(OpKind::kMul, {rise, share}, wide)}, wide);
    if (operation.kind == OpKind::kSilu) value = Emit(OpKind::kMul, {exact, value}, wide);
    EmitInto(operation.result, type.element == Element::kFp32 ? OpKind::kIdentity : OpKind::kCast, {value});
  }

  // Infinities of the sign where the magnitude is beyond a limit.
  ValueId Unbounded(ValueId value, OpKind comparison, float limit) {
    const Type type = TypeOf(value);
    const ValueId above = Beyond(value, comparison, limit);
    const ValueId capped = Emit(OpKind::kSelect, {above, Scalar(type.element, kInfinity), value}, type);
    const OpKind opposite = comparison == OpKind::kGreater ? OpKind::kLess : OpKind::kLessEqual;
    const ValueId below = Beyond(value, opposite, -limit);
    return Emit(OpKind::kSelect, {below, Scalar(type.element, -kInfinity), capped}, type);
  }

  ValueId Magnitude(ValueId value) { return Emit(OpKind::kAbs, {value}, TypeOf(value)); }

  ValueId Beyond(ValueId value, OpKind comparison, float limit) {
    const Type type = TypeOf(value);
    return Emit(comparison, {value, Scalar(type.element, limit)}, {Element::kBool, type.shape});
  }

  // Adds an operation whose result is another value than it was, and gives that value.
  ValueId Divert(mil::Operation operation) {
    const ValueId raw = Define(TypeOf(operation.result));
    operation.result = raw;
    program_->operations.push_back(std::move(operation));
    return raw;
  }

  Type TypeOf(ValueId value) const { return program_->values[static_cast<size_t>(value)].type; }

  ValueId Define(const Type& type, std::shared_ptr<const mil::Constant> constant = nullptr) {
    program_->values.push_back({"", type, std::move(constant)});
    return static_cast<ValueId>(program_->values.size()) - 1;
  }

  ValueId Emit(OpKind kind, std::vector<ValueId> inputs, const Type& type) {
    return EmitInto(Define(type), kind, std::move(inputs));
  }

  ValueId EmitInto(ValueId result, OpKind kind, std::vector<ValueId> inputs) {
    program_->operations.push_back({kind, std::move(inputs), result, {}, at_.label, at_.position});
    return result;
  }

  ValueId Scalar(Element element, float value) {
    auto constant = std::make_shared<mil::Constant>();
    const uint16_t half = FloatToHalf(value);
    const void* from = element == Element::kFp16 ? static_cast<const void*>(&half) : &value;
    constant->owned.resize(element == Element::kFp16 ? sizeof half : sizeof value);
    std::memcpy(constant->owned.data(), from, constant->owned.size());
    constant->data = constant->owned.data();
    return Define({element, {}}, std::move(constant));
  }

  struct Origin {
    std::string label;
    mil::Position position;
  };

  static constexpr float kInfinity = std::numeric_limits<float>::infinity();

  mil::TypedProgram* program_;
  Numerics numerics_;
  Origin at_;
};

}  // namespace

void ApplyNumerics(mil::TypedProgram* program, const Numerics& numerics) { Rewriter(program, numerics).Run(); }

}  // namespace mayfly::sim
