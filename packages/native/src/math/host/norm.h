// RMSNorm (Zhang & Sennrich 2019) over the rows of channel-first activations, one column per token.
#pragma once

#include <cstdint>

#include "math/gemm/gemm.h"
#include "parallel/thread_pool.h"

namespace mayfly {

// sum = x + addend; out = sum · rsqrt(mean_d sum² + eps) · weight. x and sum are dense fp32 [dim, columns], and may be
// the same; addend is fp16; null pointers leave out addend, sum or out.
struct ResidualNormArgs {
  const float* x;
  const uint16_t* addend;
  int64_t addend_stride;
  float* sum;
  const float* weight;
  MatrixOutput out;
  float eps;  // > 0
  int64_t dim, columns;
};
void ResidualNorm(const ResidualNormArgs& args, ThreadPool& pool);

// With g = weight ∘ d_out and r = rsqrt(mean x² + eps): dx += r·(g − x·r²·mean(g ∘ x)), d_weight += Σ_n d_out ∘ x·r
// or, with `overwrite`, = that, where the sum is rounded to fp32 before it is added; `out`, unless null, receives dx as
// fp16. dx is dense.
struct NormBackwardArgs {
  MatrixView x;  // contiguous columns, as d_out
  const float* weight;
  MatrixView d_out;
  float* dx;
  float* d_weight;
  bool overwrite;
  uint16_t* out;
  int64_t out_stride;
  float eps;  // > 0
  int64_t dim, columns;
};
void NormBackward(const NormBackwardArgs& args, ThreadPool& pool);

}  // namespace mayfly
