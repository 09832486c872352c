// A tensor within a buffer: the offset of its first element, and strides. Reshapes, transposes and slices of a view are
// views of the same buffer where strides can express them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dtype.h"
#include "mil/typed_program.h"

namespace mayfly::cpu {

using mil::Shape;

struct View {
  int buffer = -1;
  int64_t offset = 0;  // in elements, as strides are
  DType dtype = DType::kFp16;
  Shape shape;
  Shape strides;

  size_t rank() const { return shape.size(); }
};

Shape DenseStrides(const Shape& shape);
// The strides of a dense tensor whose dimensions have the order of `like`'s strides in memory, the largest first.
Shape DenseStridesLike(const Shape& shape, const Shape& like);

// list[order[0]], list[order[1]], …
Shape Permuted(const Shape& list, const std::vector<int>& order);
View Transposed(const View& view, const std::vector<int>& permutation);
// The last two dimensions exchanged.
View MatrixTransposed(const View& view);
// The view whose transposition by `permutation` is `view`.
View Untransposed(const View& view, const std::vector<int>& permutation);
View Sliced(const View& view, const mil::SliceAttributes& slice, const Shape& result);
// None if strides cannot express it.
std::optional<View> Reshaped(const View& view, const Shape& shape);
// Right-aligned to `shape`, as in numpy, with stride 0 along repeated dimensions.
View BroadcastTo(const View& view, const Shape& shape);
// Elements [begin, begin + count·step) in steps of `step` along one axis.
View Part(const View& view, size_t axis, int64_t begin, int64_t count, int64_t step);

// Whether both have the same elements at the same addresses.
bool SamePlace(const View& a, const View& b);

// The permutation that sorts strides from large to small, and leaves dimensions of one element and equal strides in
// place.
std::vector<int> OrderByStride(const Shape& shape, const Shape& strides);

// A loop nest over several tensors at once, outermost loop first: extents and, for each tensor, strides. Loops that are
// contiguous in all tensors are merged, loops of one iteration dropped.
struct LoopNest {
  Shape extents;
  std::vector<Shape> strides;

  int64_t iterations() const;
};
LoopNest Merged(const Shape& extents, const std::vector<Shape>& strides);

}  // namespace mayfly::cpu
