// Attention. It becomes matrix products, a mask and a softmax.
#include <cmath>
#include <limits>

#include "mil/op_table.h"
#include "mil/ops/broadcast.h"

namespace mayfly::mil {
namespace {

// The argument must have the batch dimensions and the element type of the query, and `rows` and `columns` where they
// are given.
void CheckOperand(Call& call, const char* name, ValueId value, const Type& query, std::optional<int64_t> rows,
                  std::optional<int64_t> columns) {
  const Type& type = call.TypeOf(value);
  Type expected = query;
  if (type.rank() == query.rank()) {
    const size_t last = query.shape.size() - 1;
    expected.shape[last - 1] = rows.value_or(type.shape[last - 1]);
    expected.shape[last] = columns.value_or(type.shape[last]);
  }
  if (type != expected) call.FailArgument(name, ToString(expected), ToString(type));
}

// Adds a float mask; where a bool mask is false, scores are −∞.
ValueId Masked(Call& call, ValueId scores, ValueId mask) {
  const Type type = call.TypeOf(scores), &given = call.TypeOf(mask), wide{Element::kFp32, type.shape};
  const bool last = given.rank() > 0 && given.shape.back() == type.shape.back();
  if (!last || Broadcast(call, type.shape, given.shape) != type.shape)
    call.FailArgument("attn_mask", "of a shape that broadcasts to " + ToString(type.shape), ToString(given));
  if (given.element == Element::kBool) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return call.Compute(OpKind::kSelect, {mask, scores, call.Scalar(Element::kFp32, -kInfinity)}, wide);
  }
  if (!IsFloat(given.element)) call.FailArgument("attn_mask", "a tensor of bool, fp16 or fp32", ToString(given));
  return call.Compute(OpKind::kAdd, {scores, mask}, wide);
}

// softmax(query·keyᵀ / √E + mask)·value
void CheckAttention(Call& call) {
  ValueId query = call.Tensor("query");
  const ValueId key = call.Tensor("key"), value = call.Tensor("value");
  const std::optional<ValueId> mask = call.OptionalTensor("attn_mask");
  call.ExpectFloat("query", query);
  const Type type = call.TypeOf(query);
  if (type.rank() < 3) call.FailArgument("query", "of rank 3 or more", ToString(type));
  const int64_t width = type.shape.back();
  CheckOperand(call, "key", key, type, {}, width);
  const int64_t length = call.ShapeOf(key)[type.shape.size() - 2];
  CheckOperand(call, "value", value, type, length, {});
  // The power of two in 1/√E is exact, and keeps the products from overflowing; the rest is applied to them.
  const double scale = 1 / std::sqrt(static_cast<double>(width));
  const double power = std::exp2(std::floor(std::log2(scale)));
  if (power != 1) query = call.Compute(OpKind::kMul, {query, call.Scalar(type.element, power)}, type);
  Type square = type;
  square.shape.back() = length;
  ValueId scores = call.Compute(OpKind::kMatmul, {query, key}, square, MatmulAttributes{false, true});
  const Type wide{Element::kFp32, square.shape};
  if (scale != power) scores = call.Compute(OpKind::kMul, {scores, call.Scalar(Element::kFp32, scale / power)}, wide);
  if (mask) scores = Masked(call, scores, *mask);
  const SoftmaxAttributes last{type.rank() - 1};
  const ValueId probabilities = call.Compute(OpKind::kSoftmax, {scores}, square, last);
  Type result = type;
  result.shape.back() = call.ShapeOf(value).back();
  call.Emit(OpKind::kMatmul, {probabilities, value}, result, MatmulAttributes{false, false});
}

}  // namespace

const OpEntry kAttentionOps[] = {{"scaled_dot_product_attention", CheckAttention}, {nullptr, nullptr}};

}  // namespace mayfly::mil
