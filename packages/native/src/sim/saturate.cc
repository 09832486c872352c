#include "sim/saturate.h"

#include <cstring>
#include <limits>
#include <utility>

#include "math/simd/half.h"

namespace mayfly::sim {
namespace {

using mil::Element;
using mil::OpKind;
using mil::Type;
using mil::ValueId;

class Saturator {
 public:
  Saturator(mil::TypedProgram* program, float limit) : program_(program), limit_(limit) {}

  void Run() {
    for (mil::Operation& operation : std::exchange(program_->operations, {})) {
      if (operation.kind != OpKind::kMatmul && operation.kind != OpKind::kConv) {
        program_->operations.push_back(std::move(operation));
        continue;
      }
      const ValueId result = operation.result;
      const Type type = TypeOf(result);
      const ValueId raw = Define(type);
      operation.result = raw;
      at_ = {operation.label, operation.position};
      program_->operations.push_back(std::move(operation));
      const float infinity = std::numeric_limits<float>::infinity();
      const ValueId above =
          Emit(OpKind::kGreaterEqual, {raw, Scalar(type.element, limit_)}, {Element::kBool, type.shape});
      const ValueId capped = Emit(OpKind::kSelect, {above, Scalar(type.element, infinity), raw}, type);
      const ValueId below =
          Emit(OpKind::kLessEqual, {raw, Scalar(type.element, -limit_)}, {Element::kBool, type.shape});
      const ValueId bounded = Emit(OpKind::kSelect, {below, Scalar(type.element, -infinity), capped}, type);
      const ValueId nan = Emit(OpKind::kNotEqual, {raw, raw}, {Element::kBool, type.shape});
      EmitInto(result, OpKind::kSelect, {nan, Scalar(type.element, infinity), bounded});
    }
  }

 private:
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

  mil::TypedProgram* program_;
  float limit_;
  Origin at_;
};

}  // namespace

void SaturateProducts(mil::TypedProgram* program, float limit) { Saturator(program, limit).Run(); }

}  // namespace mayfly::sim
