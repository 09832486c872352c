// Operations that make a tensor of parts of others.
#include "mil/op_table.h"

namespace mayfly::mil {
namespace {

void CheckConcat(Call& call) {
  const std::vector<ValueId> values = call.Tuple("values");
  Type result = call.TypeOf(values[0]);
  const size_t axis = static_cast<size_t>(call.Axis("axis", result.rank()));
  const bool interleave = call.Bool("interleave", false);
  int64_t total = 0;
  for (ValueId value : values) {
    Type expected = result;
    if (!interleave && call.TypeOf(value).rank() == result.rank()) expected.shape[axis] = call.ShapeOf(value)[axis];
    if (call.TypeOf(value) != expected) {
      call.FailArgument("values", "tensors that fit " + ToString(result) + " but for axis " + std::to_string(axis),
                        ToString(call.TypeOf(value)));
    }
    total = SizeSum(total, call.ShapeOf(value)[axis]);
  }
  result.shape[axis] = total;
  call.Emit(OpKind::kConcat, values, result, ConcatAttributes{static_cast<int>(axis), interleave});
}

void CheckTile(Call& call) {
  const ValueId x = call.Tensor("x");
  Type result = call.TypeOf(x);
  const Shape repetitions = call.Ints("reps");
  if (repetitions.size() != result.shape.size()) {
    call.FailArgument("reps", std::to_string(result.rank()) + " integers", ToString(repetitions));
  }
  for (size_t i = 0; i < repetitions.size(); ++i) {
    if (repetitions[i] < 1) call.FailArgument("reps", "from 1 up", ToString(repetitions));
    result.shape[i] = SizeProduct(result.shape[i], repetitions[i]);
  }
  call.Emit(OpKind::kTile, {x}, result, TileAttributes{repetitions});
}

// Negative indices count from the end before iOS 17, and are out of bounds since then.
void CheckGather(Call& call) {
  const ValueId x = call.Tensor("x"), indices = call.Tensor("indices");
  const Type &type = call.TypeOf(x), &index_type = call.TypeOf(indices);
  if (index_type.element != Element::kInt32) call.FailArgument("indices", "a tensor of int32", ToString(index_type));
  const size_t axis = static_cast<size_t>(call.Axis("axis", type.rank(), 0));
  if (call.Int("batch_dims", 0) != 0) call.FailUnsupported("to have batch_dims 0", "another");
  call.Bool("validate_indices", false);
  Type result{type.element, Shape(type.shape.begin(), type.shape.begin() + static_cast<int64_t>(axis))};
  result.shape.insert(result.shape.end(), index_type.shape.begin(), index_type.shape.end());
  result.shape.insert(result.shape.end(), type.shape.begin() + static_cast<int64_t>(axis) + 1, type.shape.end());
  call.Emit(OpKind::kGather, {x, indices}, result, GatherAttributes{static_cast<int>(axis), call.opset() < 17});
}

}  // namespace

const OpEntry kAssemblyOps[] = {
    {"concat", CheckConcat}, {"tile", CheckTile}, {"gather", CheckGather}, {nullptr, nullptr}};

}  // namespace mayfly::mil
