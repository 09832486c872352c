#include "cpu/copy_node.h"

#include <algorithm>
#include <cstring>

namespace mayfly::cpu {
namespace {

// Rows and columns of a tile of a transposition. With 64, the cache lines of both sides fit the first-level cache.
constexpr int64_t kTile = 64;
// The most columns of a task: threads share long runs.
constexpr int64_t kColumns = 1 << 14;
constexpr int64_t kElementsPerTask = 1 << 14;

template <class T>
void CopyTile(const T* from, T* to, int64_t rows, int64_t columns, const int64_t (&from_strides)[2],
              const int64_t (&to_strides)[2]) {
  for (int64_t i = 0; i < rows; ++i) {
    const T* source = from + i * from_strides[0];
    T* target = to + i * to_strides[0];
    if (from_strides[1] == 1 && to_strides[1] == 1) {
      std::memcpy(target, source, static_cast<size_t>(columns) * sizeof(T));
    } else {
      for (int64_t j = 0; j < columns; ++j) target[j * to_strides[1]] = source[j * from_strides[1]];
    }
  }
}

}  // namespace

CopyNode::CopyNode(const View& from, const View& to) : from_(from), to_(to) {
  Reads(from);
  Writes(to);
  const std::vector<int> order = OrderByStride(to.shape, to.strides);
  LoopNest nest = Merged(Permuted(to.shape, order), {Permuted(from.strides, order), Permuted(to.strides, order)});
  Shape &extents = nest.extents, &source = nest.strides[0], &target = nest.strides[1];
  auto take = [&](size_t loop, int64_t* extent, int64_t* from_stride, int64_t* to_stride) {
    *extent = extents[loop];
    *from_stride = source[loop];
    *to_stride = target[loop];
    for (Shape* list : {&extents, &source, &target}) list->erase(list->begin() + static_cast<std::ptrdiff_t>(loop));
  };
  take(extents.size() - 1, &columns_, &from_column_, &to_column_);
  // Rows are the loop with the smallest stride in the source.
  rows_ = 1;
  from_row_ = to_row_ = 0;
  if (!extents.empty()) {
    size_t nearest = extents.size() - 1;
    for (size_t i = extents.size(); i-- > 0;) {
      if (source[i] != 0 && std::abs(source[i]) < std::abs(source[nearest])) nearest = i;
    }
    take(nearest, &rows_, &from_row_, &to_row_);
  }
  outer_ = extents;
  from_outer_ = source;
  to_outer_ = target;
  const bool transposes = from_column_ != 1 && from_column_ != 0;
  const int64_t columns = transposes ? kTile : kColumns;
  column_block_ = std::min(columns, columns_);
  row_block_ = transposes ? kTile : std::max<int64_t>(1, kElementsPerTask / column_block_);
  row_blocks_ = (rows_ + row_block_ - 1) / row_block_;
  column_blocks_ = (columns_ + column_block_ - 1) / column_block_;
  tasks_ = LoopNest{outer_, {}}.iterations() * row_blocks_ * column_blocks_;
}

template <class T>
void CopyNode::RunTasks(Buffers buffers, int64_t begin, int64_t end) const {
  const T* from = reinterpret_cast<const T*>(AddressOf(from_, buffers));
  T* to = reinterpret_cast<T*>(AddressOf(to_, buffers));
  for (int64_t task = begin; task < end; ++task) {
    const int64_t column = task % column_blocks_ * column_block_;
    const int64_t row = task / column_blocks_ % row_blocks_ * row_block_;
    const LoopIndex index = IndexOf(outer_, task / column_blocks_ / row_blocks_);
    int64_t source = row * from_row_ + column * from_column_, target = row * to_row_ + column * to_column_;
    for (size_t i = 0; i < outer_.size(); ++i) {
      source += index.at[i] * from_outer_[i];
      target += index.at[i] * to_outer_[i];
    }
    CopyTile(from + source, to + target, std::min(row_block_, rows_ - row), std::min(column_block_, columns_ - column),
             {from_row_, from_column_}, {to_row_, to_column_});
  }
}

void CopyNode::Run(Buffers buffers, ThreadPool* pool) const {
  const int64_t grain = std::max<int64_t>(1, kElementsPerTask / (row_block_ * column_block_));
  pool->ParallelFor(tasks_, grain, [&](int64_t begin, int64_t end) {
    switch (SizeOf(to_.dtype)) {
      case 4: return RunTasks<uint32_t>(buffers, begin, end);
      case 2: return RunTasks<uint16_t>(buffers, begin, end);
      default: return RunTasks<uint8_t>(buffers, begin, end);
    }
  });
}

}  // namespace mayfly::cpu
