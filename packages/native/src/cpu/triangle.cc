#include "cpu/triangle.h"

#include <algorithm>

#include "bytes.h"
#include "math/simd/half.h"

namespace mayfly::cpu {
namespace {

using mil::Operation;
using mil::OpKind;
using mil::ValueId;

constexpr float kMasked = -10000;

// An element of fp16 or fp32. A weight file may lie at any address.
float ElementOf(const mil::Constant& constant, DType dtype, int64_t index) {
  const uint8_t* at = constant.data + index * static_cast<int64_t>(SizeOf(dtype));
  return dtype == DType::kFp16 ? HalfToFloat(LoadBytes<uint16_t>(at)) : LoadBytes<float>(at);
}

class Finder {
 public:
  explicit Finder(const mil::TypedProgram& program)
      : program_(program), triangles_(program.values.size(), Triangle::kUnknown), users_(program.values.size()) {
    for (const Operation& operation : program.operations) {
      for (ValueId input : operation.inputs) users_[static_cast<size_t>(input)].push_back(&operation);
      producer_.resize(program.values.size());
      producer_[static_cast<size_t>(operation.result)] = &operation;
    }
  }

  std::vector<Triangle> Find() {
    for (const Operation& operation : program_.operations) {
      if (operation.kind == OpKind::kSoftmax) MarkSoftmax(operation);
      if (operation.kind == OpKind::kMul && IsProductWithZero(operation)) Mark(operation.result, Triangle::kZero);
    }
    for (const Operation& operation : program_.operations) {
      if (operation.kind == OpKind::kMatmul && OnlyMeetsZeros(operation.result, operation.result))
        Mark(operation.result, Triangle::kUnread);
    }
    return std::move(triangles_);
  }

 private:
  const mil::Type& TypeOf(ValueId value) const { return program_.values[static_cast<size_t>(value)].type; }
  bool IsZero(ValueId value) const { return triangles_[static_cast<size_t>(value)] == Triangle::kZero; }
  void Mark(ValueId value, Triangle triangle) { triangles_[static_cast<size_t>(value)] = triangle; }

  bool IsReturned(ValueId value) const {
    return std::find(program_.returns.begin(), program_.returns.end(), value) != program_.returns.end();
  }

  bool IsSquare(ValueId value) const {
    const mil::Shape& shape = TypeOf(value).shape;
    return shape.size() >= 2 && shape[shape.size() - 2] == shape.back();
  }

  void MarkSoftmax(const Operation& softmax) {
    const ValueId masked = softmax.inputs[0];
    const Operation* add = producer_[static_cast<size_t>(masked)];
    const int last = static_cast<int>(TypeOf(masked).shape.size()) - 1;
    if (add == nullptr || add->kind != OpKind::kAdd || !IsSquare(masked)) return;
    if (std::get<mil::SoftmaxAttributes>(softmax.attributes).axis != last) return;
    for (const int side : {0, 1}) {
      const ValueId mask = add->inputs[static_cast<size_t>(side)], scores = add->inputs[static_cast<size_t>(1 - side)];
      if (!IsCausalMask(mask, TypeOf(masked).shape.back())) continue;
      Mark(softmax.result, Triangle::kZero);
      const Operation* product = producer_[static_cast<size_t>(scores)];
      const bool only_here =
          users_[static_cast<size_t>(scores)].size() == 1 && users_[static_cast<size_t>(masked)].size() == 1;
      if (!only_here || IsReturned(scores) || IsReturned(masked)) return;
      if (product != nullptr && product->kind == OpKind::kMatmul && IsSquare(scores)) Mark(scores, Triangle::kUnread);
      return;
    }
  }

  bool IsCausalMask(ValueId value, int64_t size) const {
    const mil::Value& mask = program_.values[static_cast<size_t>(value)];
    if (mask.constant == nullptr || mask.type.elements() != SizeProduct(size, size) || !IsSquare(value)) return false;
    const DType dtype = mil::AsDType(mask.type.element);
    if (dtype != DType::kFp16 && dtype != DType::kFp32) return false;
    for (int64_t row = 0; row < size; ++row) {
      for (int64_t column = row + 1; column < size; ++column) {
        if (!(ElementOf(*mask.constant, dtype, row * size + column) <= kMasked)) return false;
      }
    }
    return true;
  }

  bool IsProductWithZero(const Operation& mul) const {
    return std::any_of(mul.inputs.begin(), mul.inputs.end(), [&](ValueId factor) {
      return IsZero(factor) && TypeOf(factor).shape == TypeOf(mul.result).shape;
    });
  }

  // Whether every use of `value` multiplies it by zeros above the diagonal. Subtractions lead from `source` to `value`.
  bool OnlyMeetsZeros(ValueId value, ValueId source) const {
    const std::vector<const Operation*>& users = users_[static_cast<size_t>(value)];
    if (users.empty() || IsReturned(value) || !IsSquare(value) || TypeOf(value).shape != TypeOf(source).shape)
      return false;
    return std::all_of(users.begin(), users.end(), [&](const Operation* user) {
      if (user->kind == OpKind::kMul) return IsProductWithZero(*user);
      return user->kind == OpKind::kSub && OnlyMeetsZeros(user->result, source);
    });
  }

  const mil::TypedProgram& program_;
  std::vector<Triangle> triangles_;
  std::vector<std::vector<const Operation*>> users_;
  std::vector<const Operation*> producer_;
};

}  // namespace

std::vector<Triangle> FindTriangles(const mil::TypedProgram& program) { return Finder(program).Find(); }

}  // namespace mayfly::cpu
