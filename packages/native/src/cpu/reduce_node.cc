#include "cpu/reduce_node.h"

#include <algorithm>
#include <limits>

namespace mayfly::cpu {
namespace {

// Columns of one task, few enough that a narrow tensor occupies several threads.
constexpr int64_t kColumns = 64;
// Rows shorter than this are folded as columns, although their elements are not adjacent.
constexpr int64_t kShortRow = 32;
constexpr int64_t kRowsPerTask = 8;

int32_t FoldIntegers(Fold fold, int32_t a, int32_t b) {
  switch (fold) {
    case Fold::kSum: return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
    case Fold::kMax: return std::max(a, b);
    case Fold::kMin: break;
  }
  return std::min(a, b);
}

Fold FoldOf(mil::OpKind kind) {
  return kind == mil::OpKind::kReduceMax ? Fold::kMax : kind == mil::OpKind::kReduceMin ? Fold::kMin : Fold::kSum;
}

// The strides of the first input that is more than a row or a scalar, which show which elements are adjacent.
Shape MainStrides(const Chain& chain, const Shape& shape) {
  for (const auto& input : chain.inputs) {
    if (input.second.shape == shape) return input.second.strides;
  }
  return DenseStrides(shape);
}

ReductionOrder OrderOf(const Chain& chain, const Shape& shape, const std::vector<bool>& reduced) {
  ReductionOrder order;
  int nearest = -1, nearest_kept = -1;
  for (int axis : OrderByStride(shape, MainStrides(chain, shape))) {
    const auto i = static_cast<size_t>(axis);
    if (shape[i] == 1) continue;
    nearest = axis;
    if (!reduced[i]) nearest_kept = axis;
    if (reduced[i]) order.depth *= shape[i];
  }
  order.columns = nearest_kept >= 0 && (nearest == nearest_kept || order.depth < kShortRow);
  if (order.columns) order.inner = shape[static_cast<size_t>(nearest_kept)];
  std::vector<int> folded;
  for (size_t i = 0; i < shape.size(); ++i) {
    const int axis = static_cast<int>(i);
    if (reduced[i]) {
      folded.push_back(axis);
    } else if (!order.columns || axis != nearest_kept) {
      order.kept.push_back(axis);
      order.outer *= shape[i];
    }
  }
  order.nest = order.kept;
  order.nest.insert(order.nest.end(), folded.begin(), folded.end());
  if (order.columns) {
    order.kept.push_back(nearest_kept);
    order.nest.push_back(nearest_kept);
  }
  return order;
}

// `output` with only the kept dimensions, in the order of the nest.
View KeptView(const View& output, const Shape& shape, const std::vector<bool>& reduced, const ReductionOrder& order) {
  Shape kept;
  std::vector<int> place(shape.size(), 0);
  for (size_t i = 0; i < shape.size(); ++i) {
    if (reduced[i]) continue;
    place[i] = static_cast<int>(kept.size());
    kept.push_back(shape[i]);
  }
  std::vector<int> permutation;
  for (int axis : order.kept) permutation.push_back(place[static_cast<size_t>(axis)]);
  return Transposed(*Reshaped(output, kept), permutation);
}

}  // namespace

ReduceNode::ReduceNode(const Chain& chain, const Shape& shape, mil::OpKind kind, const std::vector<bool>& reduced,
                       const View& output)
    : ReduceNode(chain, shape, kind, OrderOf(chain, shape, reduced),
                 KeptView(output, shape, reduced, OrderOf(chain, shape, reduced))) {}

ReduceNode::ReduceNode(const Chain& chain, const Shape& shape, mil::OpKind kind, const ReductionOrder& order,
                       const View& kept)
    : fold_(FoldOf(kind)),
      integer_(kept.dtype == DType::kInt32),
      columns_(order.columns),
      divisor_(kind == mil::OpKind::kReduceMean ? static_cast<float>(order.depth) : 1.0f),
      outer_(order.outer),
      depth_(order.depth),
      inner_(order.inner),
      expression_(chain, shape, order.nest, {}),
      kept_extents_(kept.shape),
      output_(kept, kept.shape, kept.strides) {
  for (const auto& input : chain.inputs) Reads(input.second);
  Writes(kept);
}

void ReduceNode::Fill(void* lanes, int64_t count) const {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (integer_) {
    const int32_t start = fold_ == Fold::kSum ? 0 : fold_ == Fold::kMax ? INT32_MIN : INT32_MAX;
    std::fill_n(static_cast<int32_t*>(lanes), count, start);
  } else {
    std::fill_n(static_cast<float*>(lanes), count,
                fold_ == Fold::kSum   ? 0.0f
                : fold_ == Fold::kMax ? -kInfinity
                                      : kInfinity);
  }
}

void ReduceNode::FoldInto(void* to, const void* x, int64_t count) const {
  if (!integer_)
    return CurrentBlockLoops().fold_into(fold_, static_cast<float*>(to), static_cast<const float*>(x), count);
  int32_t* sums = static_cast<int32_t*>(to);
  for (int64_t i = 0; i < count; ++i) sums[i] = FoldIntegers(fold_, sums[i], static_cast<const int32_t*>(x)[i]);
}

void ReduceNode::FoldRow(void* to, const void* x, int64_t count) const {
  if (!integer_) {
    const float block = CurrentBlockLoops().fold(fold_, static_cast<const float*>(x), count);
    return CurrentBlockLoops().fold_into(fold_, static_cast<float*>(to), &block, 1);
  }
  int32_t* sum = static_cast<int32_t*>(to);
  for (int64_t i = 0; i < count; ++i) *sum = FoldIntegers(fold_, *sum, static_cast<const int32_t*>(x)[i]);
}

void ReduceNode::Finish(Buffers buffers, int64_t flat, int64_t count, void* lanes) const {
  if (divisor_ != 1.0f) {
    for (int64_t i = 0; i < count; ++i) static_cast<float*>(lanes)[i] /= divisor_;
  }
  output_.Store(buffers, flat, IndexOf(kept_extents_, flat), count, lanes);
}

// Tasks are blocks of kColumns within one outer index.
void ReduceNode::RunColumns(Buffers buffers, int64_t begin, int64_t end) const {
  Expression::Frame frame(expression_, buffers);
  const int64_t blocks = (inner_ + kColumns - 1) / kColumns;
  for (int64_t task = begin; task < end; ++task) {
    const int64_t outer = task / blocks, column = task % blocks * kColumns;
    const int64_t count = std::min(kColumns, inner_ - column);
    alignas(64) uint8_t lanes[kColumns * 4];
    Fill(lanes, count);
    for (int64_t i = 0; i < depth_; ++i) {
      frame.Run((outer * depth_ + i) * inner_ + column, count);
      FoldInto(lanes, frame.Result(), count);
    }
    Finish(buffers, outer * inner_ + column, count, lanes);
  }
}

void ReduceNode::RunRows(Buffers buffers, int64_t begin, int64_t end) const {
  Expression::Frame frame(expression_, buffers);
  for (int64_t row = begin; row < end; ++row) {
    alignas(64) uint8_t lane[4];
    Fill(lane, 1);
    for (int64_t i = 0; i < depth_; i += kBlock) {
      const int64_t count = std::min(kBlock, depth_ - i);
      frame.Run(row * depth_ + i, count);
      FoldRow(lane, frame.Result(), count);
    }
    Finish(buffers, row, 1, lane);
  }
}

void ReduceNode::Run(Buffers buffers, ThreadPool* pool) const {
  if (columns_) {
    const int64_t tasks = outer_ * ((inner_ + kColumns - 1) / kColumns);
    pool->ParallelFor(tasks, 1, [&](int64_t begin, int64_t end) { RunColumns(buffers, begin, end); });
  } else {
    pool->ParallelFor(outer_, kRowsPerTask, [&](int64_t begin, int64_t end) { RunRows(buffers, begin, end); });
  }
}

}  // namespace mayfly::cpu
