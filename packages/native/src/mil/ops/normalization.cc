// Normalization to mean 0 and variance 1. It becomes reductions and arithmetic, in fp32 throughout.
#include <algorithm>

#include "mil/op_table.h"
#include "mil/ops/axes.h"

namespace mayfly::mil {
namespace {

// A tensor of the normalized dimensions as it broadcasts against x.
ValueId Spread(Call& call, const char* name, ValueId value, const Type& x, const std::vector<bool>& normalized) {
  Type expected{x.element, {}}, spread{x.element, x.shape};
  for (size_t i = 0; i < x.shape.size(); ++i) {
    if (normalized[i]) {
      expected.shape.push_back(x.shape[i]);
    } else {
      spread.shape[i] = 1;
    }
  }
  if (call.TypeOf(value) != expected) call.FailArgument(name, ToString(expected), ToString(call.TypeOf(value)));
  return call.Compute(OpKind::kReshape, {value}, spread);
}

// gamma · (x − mean) / √(variance + epsilon) + beta over `axes`, all by default.
void CheckLayerNorm(Call& call) {
  const ValueId x = call.Tensor("x");
  call.ExpectFloat("x", x);
  const Type type = call.TypeOf(x), wide{Element::kFp32, type.shape};
  const std::vector<bool> normalized =
      call.Has("axes") ? MarkAxes(call, call.Ints("axes"), type.rank()) : std::vector<bool>(type.shape.size(), true);
  Type statistic = wide;
  for (size_t i = 0; i < type.shape.size(); ++i) {
    if (normalized[i]) statistic.shape[i] = 1;
  }
  const std::optional<ValueId> gamma = call.OptionalTensor("gamma"), beta = call.OptionalTensor("beta");
  const EpsilonAttributes epsilon{static_cast<float>(call.Number("epsilon", 1e-5))};
  const ReduceAttributes over{normalized};
  const ValueId mean = call.Compute(OpKind::kReduceMean, {x}, statistic, over);
  // Computed twice, so that neither chain of operations has to store it.
  auto centered = [&] { return call.Compute(OpKind::kSub, {x, mean}, wide); };
  const ValueId square = call.Compute(OpKind::kSquare, {centered()}, wide);
  const ValueId variance = call.Compute(OpKind::kReduceMean, {square}, statistic, over);
  const ValueId inverse = call.Compute(OpKind::kRsqrt, {variance}, statistic, epsilon);
  std::vector<std::pair<OpKind, ValueId>> rest{{OpKind::kMul, inverse}};
  if (gamma) rest.emplace_back(OpKind::kMul, Spread(call, "gamma", *gamma, type, normalized));
  if (beta) rest.emplace_back(OpKind::kAdd, Spread(call, "beta", *beta, type, normalized));
  ValueId value = centered();
  for (size_t i = 0; i + 1 < rest.size(); ++i) value = call.Compute(rest[i].first, {value, rest[i].second}, wide);
  call.Emit(rest.back().first, {value, rest.back().second}, type);
}

}  // namespace

const OpEntry kNormalizationOps[] = {{"layer_norm", CheckLayerNorm}, {nullptr, nullptr}};

}  // namespace mayfly::mil
