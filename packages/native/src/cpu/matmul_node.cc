#include "cpu/matmul_node.h"

#include <algorithm>
#include <utility>

#include "cpu/stream.h"
#include "math/gemm/matrix_vector.h"

namespace mayfly::cpu {
namespace {

Shape BatchOf(const Shape& list) { return Shape(list.begin(), list.end() - 2); }

// The strides of an operand along c's batch dimensions: 0 where the operand has one matrix for all.
Shape BatchStrides(const View& view, const Shape& batch) {
  View matrices = view;
  matrices.shape = BatchOf(view.shape);
  matrices.strides = BatchOf(view.strides);
  return BroadcastTo(matrices, batch).strides;
}

}  // namespace

bool MatmulNode::CanWrite(const View& c) {
  const size_t row = c.rank() - 2, column = c.rank() - 1;
  return c.strides[column] == 1 || c.strides[row] == 1 || c.shape[column] == 1 || c.shape[row] == 1;
}

MatmulNode::MatmulNode(const View& a, const View& b, const View& c, bool accumulate, Precision precision, Skip skip)
    : a_(a), b_(b), c_(c), skip_(skip) {
  Reads(a);
  Reads(b);
  Writes(c);
  const size_t last = c.rank() - 1;
  if (c.strides[last] != 1 && c.shape[last] != 1) {
    // cᵀ = bᵀ·aᵀ has contiguous columns.
    std::swap(a_, b_);
    a_ = MatrixTransposed(a_);
    b_ = MatrixTransposed(b_);
    c_ = MatrixTransposed(c_);
    skip_ = Transposed(skip_);
  }
  auto matrix = [](const View& view) {
    return MatrixView{nullptr, view.dtype, view.strides[view.rank() - 2], view.strides[view.rank() - 1]};
  };
  args_.m = c_.shape[last - 1];
  args_.n = c_.shape[last];
  args_.k = a_.shape[a_.rank() - 1];
  args_.a = matrix(a_);
  args_.b = matrix(b_);
  args_.c = {nullptr, c_.dtype, c_.strides[last - 1]};
  args_.beta = accumulate ? 1.0f : 0.0f;
  args_.precision = precision;
  vector_ = skip_ == Skip::kNothing && IsMatrixVector(args_);
  const Shape batch = BatchOf(c_.shape);
  LoopNest nest = Merged(batch, {BatchStrides(a_, batch), BatchStrides(b_, batch), BatchOf(c_.strides)});
  const auto longest = std::max_element(nest.extents.begin(), nest.extents.end()) - nest.extents.begin();
  auto take = [&](Shape& list) {
    const int64_t value = list[static_cast<size_t>(longest)];
    list.erase(list.begin() + longest);
    return value;
  };
  count_ = take(nest.extents);
  a_stride_ = take(nest.strides[0]);
  b_stride_ = take(nest.strides[1]);
  c_stride_ = take(nest.strides[2]);
  outer_count_ = nest.iterations();
  outer_ = nest.extents;
  a_outer_ = nest.strides[0];
  b_outer_ = nest.strides[1];
  c_outer_ = nest.strides[2];
}

void MatmulNode::Run(Buffers buffers, ThreadPool* pool) const {
  GemmArgs args = args_;
  for (int64_t i = 0; i < outer_count_; ++i) {
    const LoopIndex index = IndexOf(outer_, i);
    int64_t a = a_.offset, b = b_.offset, c = c_.offset;
    for (size_t d = 0; d < outer_.size(); ++d) {
      a += index.at[d] * a_outer_[d];
      b += index.at[d] * b_outer_[d];
      c += index.at[d] * c_outer_[d];
    }
    const auto bytes = static_cast<int64_t>(SizeOf(c_.dtype));
    args.a.data = buffers[a_.buffer] + a * bytes;
    args.b.data = buffers[b_.buffer] + b * bytes;
    args.c.data = buffers[c_.buffer] + c * bytes;
    if (vector_) {
      BatchedMatrixVector(args, count_, a_stride_, b_stride_, c_stride_, pool);
    } else if (skip_ == Skip::kNothing) {
      BatchedGemm(args, count_, a_stride_, b_stride_, c_stride_, pool);
    } else {
      TriangleProduct(args, skip_, count_, a_stride_, b_stride_, c_stride_, pool);
    }
  }
}

}  // namespace mayfly::cpu
