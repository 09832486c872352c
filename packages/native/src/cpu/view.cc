#include "cpu/view.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace mayfly::cpu {

Shape DenseStrides(const Shape& shape) {
  Shape strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride = SizeProduct(stride, shape[i]);
  }
  return strides;
}

std::vector<int> OrderByStride(const Shape& shape, const Shape& strides) {
  std::vector<int> order(shape.size());
  std::iota(order.begin(), order.end(), 0);
  // Insertion sort, since a comparison that ignores dimensions of one element is not a strict weak order.
  for (size_t i = 1; i < order.size(); ++i) {
    for (size_t j = i; j > 0; --j) {
      const auto before = static_cast<size_t>(order[j - 1]), after = static_cast<size_t>(order[j]);
      if (shape[before] == 1 || shape[after] == 1 || std::abs(strides[before]) >= std::abs(strides[after])) break;
      std::swap(order[j - 1], order[j]);
    }
  }
  return order;
}

Shape DenseStridesLike(const Shape& shape, const Shape& like) {
  const std::vector<int> order = OrderByStride(shape, like);
  Shape strides(shape.size());
  int64_t stride = 1;
  for (size_t i = order.size(); i-- > 0;) {
    strides[static_cast<size_t>(order[i])] = stride;
    stride = SizeProduct(stride, shape[static_cast<size_t>(order[i])]);
  }
  return strides;
}

Shape Permuted(const Shape& list, const std::vector<int>& order) {
  Shape permuted;
  for (int i : order) permuted.push_back(list[static_cast<size_t>(i)]);
  return permuted;
}

View Transposed(const View& view, const std::vector<int>& permutation) {
  View result = view;
  result.shape = Permuted(view.shape, permutation);
  result.strides = Permuted(view.strides, permutation);
  return result;
}

View MatrixTransposed(const View& view) {
  std::vector<int> permutation(view.rank());
  std::iota(permutation.begin(), permutation.end(), 0);
  std::swap(permutation[view.rank() - 2], permutation[view.rank() - 1]);
  return Transposed(view, permutation);
}

View Untransposed(const View& view, const std::vector<int>& permutation) {
  View result = view;
  for (size_t i = 0; i < permutation.size(); ++i) {
    result.shape[static_cast<size_t>(permutation[i])] = view.shape[i];
    result.strides[static_cast<size_t>(permutation[i])] = view.strides[i];
  }
  return result;
}

View Sliced(const View& view, const mil::SliceAttributes& slice, const Shape& result_shape) {
  View sliced = view;
  sliced.shape = slice.sizes;
  for (size_t i = 0; i < view.rank(); ++i) {
    sliced.offset += slice.begin[i] * view.strides[i];
    sliced.strides[i] *= slice.stride[i];
  }
  // Always succeeds, since squeezed dimensions have one element.
  return *Reshaped(sliced, result_shape);
}

std::optional<View> Reshaped(const View& view, const Shape& shape) {
  // Matches the shortest runs of old and new dimensions that have the same number of elements.
  Shape old_shape, old_strides;
  for (size_t i = 0; i < view.rank(); ++i) {
    if (view.shape[i] == 1) continue;
    old_shape.push_back(view.shape[i]);
    old_strides.push_back(view.strides[i]);
  }
  View result = view;
  result.shape = shape;
  result.strides.assign(shape.size(), 1);
  size_t from = 0, to = 0;
  while (from < old_shape.size()) {
    size_t from_end = from + 1, to_end = to + 1;
    int64_t old_count = old_shape[from], new_count = shape[to];
    while (old_count != new_count) {
      if (old_count < new_count) {
        old_count *= old_shape[from_end++];
      } else {
        new_count *= shape[to_end++];
      }
    }
    for (size_t i = from; i + 1 < from_end; ++i) {
      if (old_strides[i] != old_strides[i + 1] * old_shape[i + 1]) return std::nullopt;
    }
    int64_t stride = old_strides[from_end - 1];
    for (size_t i = to_end; i-- > to;) {
      result.strides[i] = stride;
      stride *= shape[i];
    }
    from = from_end;
    to = to_end;
  }
  return result;
}

View BroadcastTo(const View& view, const Shape& shape) {
  View result = view;
  result.shape = shape;
  result.strides.assign(shape.size(), 0);
  for (size_t i = 0; i < view.rank(); ++i) {
    const size_t at = shape.size() - view.rank() + i;
    if (view.shape[i] != 1) result.strides[at] = view.strides[i];
  }
  return result;
}

View Part(const View& view, size_t axis, int64_t begin, int64_t count, int64_t step) {
  View part = view;
  part.offset += begin * view.strides[axis];
  part.shape[axis] = count;
  part.strides[axis] *= step;
  return part;
}

bool SamePlace(const View& a, const View& b) {
  if (a.buffer != b.buffer || a.offset != b.offset || a.dtype != b.dtype || a.shape != b.shape) return false;
  for (size_t i = 0; i < a.rank(); ++i) {
    if (a.shape[i] != 1 && a.strides[i] != b.strides[i]) return false;
  }
  return true;
}

int64_t LoopNest::iterations() const { return ElementsOf(extents); }

LoopNest Merged(const Shape& extents, const std::vector<Shape>& strides) {
  LoopNest nest;
  nest.strides.resize(strides.size());
  for (size_t i = 0; i < extents.size(); ++i) {
    if (extents[i] == 1) continue;
    bool merge = !nest.extents.empty();
    for (size_t t = 0; merge && t < strides.size(); ++t) merge = nest.strides[t].back() == strides[t][i] * extents[i];
    if (merge) {
      nest.extents.back() *= extents[i];
    } else {
      nest.extents.push_back(extents[i]);
    }
    for (size_t t = 0; t < strides.size(); ++t) {
      if (merge) {
        nest.strides[t].back() = strides[t][i];
      } else {
        nest.strides[t].push_back(strides[t][i]);
      }
    }
  }
  if (nest.extents.empty()) {
    nest.extents.push_back(1);
    for (Shape& s : nest.strides) s.push_back(1);
  }
  return nest;
}

}  // namespace mayfly::cpu
