// Operations that take parts of a tensor.
#include <algorithm>

#include "mil/op_table.h"

namespace mayfly::mil {
namespace {

void CheckLength(Call& call, const char* name, const Shape& list, int rank) {
  if (static_cast<int>(list.size()) != rank)
    call.FailArgument(name, std::to_string(rank) + " integers", ToString(list));
}

// A size of -1 takes everything up to the end.
void CheckSliceBySize(Call& call) {
  const ValueId x = call.Tensor("x");
  const Type& type = call.TypeOf(x);
  SliceAttributes slice{call.Ints("begin"), Shape(type.shape.size(), 1), call.Ints("size")};
  CheckLength(call, "begin", slice.begin, type.rank());
  CheckLength(call, "size", slice.sizes, type.rank());
  for (size_t i = 0; i < type.shape.size(); ++i) {
    int64_t& begin = slice.begin[i];
    if (begin < 0) begin += type.shape[i];
    if (begin < 0 || begin >= type.shape[i])
      call.FailArgument("begin", "within " + ToString(type), ToString(slice.begin));
    if (slice.sizes[i] == -1) slice.sizes[i] = type.shape[i] - begin;
    if (slice.sizes[i] < 1 || slice.sizes[i] > type.shape[i] - begin) {
      call.FailArgument("size", "within " + ToString(type) + " from " + ToString(slice.begin), ToString(slice.sizes));
    }
  }
  const Type result{type.element, slice.sizes};
  call.Emit(OpKind::kSlice, {x}, result, slice);
}

// numpy's slicing. A masked begin or end is that of the whole dimension; a squeezed dimension gives its element
// `begin`.
void CheckSliceByIndex(Call& call) {
  const ValueId x = call.Tensor("x");
  const Type& type = call.TypeOf(x);
  const size_t rank = type.shape.size();
  const Shape begins = call.Ints("begin"), ends = call.Ints("end"), strides = call.Ints("stride", Shape(rank, 1));
  CheckLength(call, "begin", begins, type.rank());
  CheckLength(call, "end", ends, type.rank());
  CheckLength(call, "stride", strides, type.rank());
  const std::vector<bool> begin_mask = call.Bools("begin_mask", rank, false);
  const std::vector<bool> end_mask = call.Bools("end_mask", rank, false);
  const std::vector<bool> squeeze_mask = call.Bools("squeeze_mask", rank, false);
  SliceAttributes slice;
  Type result{type.element, {}};
  for (size_t i = 0; i < rank; ++i) {
    const int64_t size = type.shape[i], stride = squeeze_mask[i] ? 1 : strides[i];
    if (stride == 0) call.FailArgument("stride", "no zero", ToString(strides));
    const int64_t lowest = stride > 0 ? 0 : -1, highest = stride > 0 ? size : size - 1;
    auto clamp = [&](int64_t index) { return std::clamp(index < 0 ? index + size : index, lowest, highest); };
    int64_t begin = begin_mask[i] ? (stride > 0 ? 0 : size - 1) : clamp(begins[i]);
    int64_t end = end_mask[i] ? (stride > 0 ? size : -1) : clamp(ends[i]);
    if (squeeze_mask[i]) {
      begin = begins[i] < 0 ? begins[i] + size : begins[i];
      if (begin < 0 || begin >= size) call.FailArgument("begin", "within " + ToString(type), ToString(begins));
      end = begin + 1;
    }
    const int64_t distance = stride > 0 ? end - begin : begin - end;
    const int64_t step = stride > 0 ? stride : -stride;
    const int64_t count = (distance + step - 1) / step;
    if (distance < 1) call.FailArgument("end", "after begin in each dimension of " + ToString(type), ToString(ends));
    slice.begin.push_back(begin);
    // With one element the stride has no effect, but one beyond the tensor would make offsets wrap.
    slice.stride.push_back(count == 1 ? 1 : stride);
    slice.sizes.push_back(count);
    if (!squeeze_mask[i]) result.shape.push_back(count);
  }
  call.Emit(OpKind::kSlice, {x}, result, slice);
}

// Equal parts, or parts of the given sizes, each a result of its own.
void CheckSplit(Call& call) {
  const ValueId x = call.Tensor("x");
  const Type type = call.TypeOf(x);
  const size_t axis = static_cast<size_t>(call.Axis("axis", type.rank()));
  Shape sizes = call.Ints("split_sizes", Shape{});
  if (call.Has("num_splits")) {
    const int64_t parts = call.Int("num_splits");
    if (parts < 1 || (sizes.empty() ? type.shape[axis] % parts != 0 : parts != static_cast<int64_t>(sizes.size()))) {
      call.FailArgument("num_splits",
                        "a divisor of " + std::to_string(type.shape[axis]) + " or the length of split_sizes",
                        std::to_string(parts));
    }
    if (parts != static_cast<int64_t>(call.result_count()))
      call.Fail("to declare " + std::to_string(parts) + " results", std::to_string(call.result_count()));
    if (sizes.empty()) sizes.assign(static_cast<size_t>(parts), type.shape[axis] / parts);
  }
  if (sizes.empty()) call.Fail("to have num_splits or split_sizes", "neither");
  int64_t total = 0;
  for (int64_t size : sizes) {
    if (size < 1 || size > type.shape[axis] - total)
      call.FailArgument("split_sizes", "sizes that add up to " + std::to_string(type.shape[axis]), ToString(sizes));
    total += size;
  }
  if (total != type.shape[axis])
    call.FailArgument("split_sizes", "sizes that add up to " + std::to_string(type.shape[axis]), ToString(sizes));
  SliceAttributes slice{Shape(type.shape.size(), 0), Shape(type.shape.size(), 1), type.shape};
  for (int64_t size : sizes) {
    slice.sizes[axis] = size;
    const Type result{type.element, slice.sizes};
    call.Emit(OpKind::kSlice, {x}, result, slice);
    slice.begin[axis] += size;
  }
}

}  // namespace

const OpEntry kSliceOps[] = {
    {"slice_by_size", CheckSliceBySize},
    {"slice_by_index", CheckSliceByIndex},
    {"split", CheckSplit},
    {nullptr, nullptr},
};

}  // namespace mayfly::mil
