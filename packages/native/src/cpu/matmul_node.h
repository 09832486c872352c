// Matrix products over broadcast batches, by Gemm on strided views.
#pragma once

#include "cpu/node.h"
#include "cpu/triangle_product.h"
#include "math/gemm/gemm.h"

namespace mayfly::cpu {

class MatmulNode : public Node {
 public:
  // [batch…, m, k] × [batch…, k, n] → [batch…, m, n]; batches of a and b broadcast. `accumulate` adds to c.
  MatmulNode(const View& a, const View& b, const View& c, bool accumulate, Precision precision,
             Skip skip = Skip::kNothing);
  void Run(Buffers buffers, ThreadPool* pool) const override;

  // Whether a product can be written to c, whose rows or columns must be contiguous.
  static bool CanWrite(const View& c);

 private:
  View a_, b_, c_;
  Skip skip_;
  GemmArgs args_;
  bool vector_;  // C is a row or a column
  // The batch loops outside of the one that BatchedGemm runs.
  Shape outer_;
  Shape a_outer_, b_outer_, c_outer_;
  int64_t outer_count_;
  int64_t count_, a_stride_, b_stride_, c_stride_;
};

}  // namespace mayfly::cpu
