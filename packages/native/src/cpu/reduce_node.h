// A sum, mean or extreme over axes of a tensor or of an elementwise chain, accumulated in fp32 (int32 for integers) in
// an order that depends on shapes and strides only.
#pragma once

#include "cpu/expression.h"

namespace mayfly::cpu {

// The loop nest [outer kept, reduced, inner kept] of a reduction. With an inner dimension, the lanes of a register fold
// adjacent columns; without one, rows are folded one by one.
struct ReductionOrder {
  std::vector<int> kept;  // axes, the inner one last
  std::vector<int> nest;  // all axes
  int64_t outer = 1, depth = 1, inner = 1;
  bool columns = false;
};

class ReduceNode : public Node {
 public:
  // `shape` is the chain's. `output` lacks the reduced dimensions or has ones in their place.
  ReduceNode(const Chain& chain, const Shape& shape, mil::OpKind kind, const std::vector<bool>& reduced,
             const View& output);
  void Run(Buffers buffers, ThreadPool* pool) const override;

 private:
  ReduceNode(const Chain& chain, const Shape& shape, mil::OpKind kind, const ReductionOrder& order, const View& kept);
  void RunColumns(Buffers buffers, int64_t begin, int64_t end) const;
  void RunRows(Buffers buffers, int64_t begin, int64_t end) const;
  void Fill(void* lanes, int64_t count) const;
  void FoldInto(void* to, const void* x, int64_t count) const;
  void FoldRow(void* to, const void* x, int64_t count) const;
  void Finish(Buffers buffers, int64_t flat, int64_t count, void* lanes) const;

  Fold fold_;
  bool integer_;
  bool columns_;
  float divisor_;
  int64_t outer_, depth_, inner_;
  Expression expression_;
  Shape kept_extents_;
  Stream output_;
};

}  // namespace mayfly::cpu
