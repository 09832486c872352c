// exp(x − max x) / Σ exp(x − max x) along an axis of a tensor or of an elementwise chain, in fp32 throughout.
#pragma once

#include "cpu/expression.h"

namespace mayfly::cpu {

class SoftmaxNode : public Node {
 public:
  // `causal`: in row i of a square matrix only the first i + 1 elements count; the others become zero.
  SoftmaxNode(const Chain& chain, int axis, const View& output, bool causal);
  void Run(Buffers buffers, ThreadPool* pool) const override;

 private:
  void RunRows(Buffers buffers, int64_t begin, int64_t end) const;

  int64_t rows_, length_;
  bool causal_;
  Expression expression_;
  Shape extents_;
  Stream output_;
};

}  // namespace mayfly::cpu
