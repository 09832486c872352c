// Sums, means and extremes over axes, and softmax.
#include "mil/op_table.h"
#include "mil/ops/axes.h"

namespace mayfly::mil {
namespace {

template <OpKind kind>
void CheckReduction(Call& call) {
  const ValueId x = call.Tensor("x");
  const Type& type = call.TypeOf(x);
  const bool integers = kind != OpKind::kReduceMean && type.element == Element::kInt32;
  if (!integers) call.ExpectFloat("x", x);
  const int rank = type.rank();
  const std::vector<bool> reduced =
      call.Has("axes") ? MarkAxes(call, call.Ints("axes"), rank) : std::vector<bool>(type.shape.size(), true);
  const bool keep = call.Bool("keep_dims", false);
  Type result{type.element, {}};
  for (int i = 0; i < rank; ++i) {
    if (!reduced[static_cast<size_t>(i)]) {
      result.shape.push_back(type.shape[static_cast<size_t>(i)]);
    } else if (keep) {
      result.shape.push_back(1);
    }
  }
  call.Emit(kind, {x}, result, ReduceAttributes{reduced});
}

void CheckSoftmax(Call& call) {
  const ValueId x = call.Tensor("x");
  call.ExpectFloat("x", x);
  const int axis = call.Axis("axis", call.TypeOf(x).rank(), -1);
  call.Emit(OpKind::kSoftmax, {x}, call.TypeOf(x), SoftmaxAttributes{axis});
}

}  // namespace

const OpEntry kReductionOps[] = {
    {"reduce_sum", CheckReduction<OpKind::kReduceSum>},
    {"reduce_mean", CheckReduction<OpKind::kReduceMean>},
    {"reduce_max", CheckReduction<OpKind::kReduceMax>},
    {"reduce_min", CheckReduction<OpKind::kReduceMin>},
    {"softmax", CheckSoftmax},
    {nullptr, nullptr},
};

}  // namespace mayfly::mil
