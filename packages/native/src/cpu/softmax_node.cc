#include "cpu/softmax_node.h"

#include <algorithm>
#include <limits>

#include "math/scratch.h"

namespace mayfly::cpu {
namespace {

// The least work of a task: with fewer elements, waking a thread costs more than it saves.
constexpr int64_t kElementsPerTask = 4096;

std::vector<int> AxisLast(size_t rank, int axis) {
  std::vector<int> order;
  for (int i = 0; i < static_cast<int>(rank); ++i) {
    if (i != axis) order.push_back(i);
  }
  order.push_back(axis);
  return order;
}

}  // namespace

SoftmaxNode::SoftmaxNode(const Chain& chain, int axis, const View& output, bool causal)
    : length_(output.shape[static_cast<size_t>(axis)]),
      causal_(causal),
      expression_(chain, output.shape, AxisLast(output.rank(), axis), {}),
      extents_(Transposed(output, AxisLast(output.rank(), axis)).shape),
      output_(output, extents_, Transposed(output, AxisLast(output.rank(), axis)).strides) {
  rows_ = expression_.iterations() / length_;
  for (const auto& input : chain.inputs) Reads(input.second);
  Writes(output);
}

void SoftmaxNode::RunRows(Buffers buffers, int64_t begin, int64_t end) const {
  thread_local Scratch scratch;
  const BlockLoops& loops = CurrentBlockLoops();
  float* row = scratch.Floats(static_cast<size_t>(length_));
  Expression::Frame frame(expression_, buffers);
  for (int64_t r = begin; r < end; ++r) {
    const int64_t length = causal_ ? r % length_ + 1 : length_;
    float max = -std::numeric_limits<float>::infinity();
    for (int64_t i = 0; i < length; i += kBlock) {
      const int64_t count = std::min(kBlock, length - i);
      frame.Run(r * length_ + i, count);
      const float* x = static_cast<const float*>(frame.Result());
      std::copy_n(x, count, row + i);
      const float block = loops.fold(Fold::kMax, x, count);
      loops.fold_into(Fold::kMax, &max, &block, 1);
    }
    const float sum = loops.exp_sum(row, length, max);
    loops.scale(row, length, 1.0f / sum);
    std::fill(row + length, row + length_, 0.0f);
    for (int64_t i = 0; i < length_; i += kBlock) {
      const int64_t flat = r * length_ + i;
      output_.Store(buffers, flat, IndexOf(extents_, flat), std::min(kBlock, length_ - i), row + i);
    }
  }
}

void SoftmaxNode::Run(Buffers buffers, ThreadPool* pool) const {
  const int64_t grain = std::max<int64_t>(1, kElementsPerTask / length_);
  pool->ParallelFor(rows_, grain, [&](int64_t begin, int64_t end) { RunRows(buffers, begin, end); });
}

}  // namespace mayfly::cpu
