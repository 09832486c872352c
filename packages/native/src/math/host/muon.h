// Muon: momentum whose direction is made orthogonal (Jordan et al. 2024).
#pragma once

#include <cstdint>

#include "math/gemm/precision.h"
#include "parallel/thread_pool.h"

namespace mayfly {

// For a matrix [rows, columns], all fp32: g = gradient · gradient_scale; m = momentum·m + (1 − momentum)·g; the
// direction u = momentum·m + (1 − momentum)·g (Nesterov) becomes O, near to U·Vᵀ of its singular value decomposition,
// by five Newton–Schulz iterations; w −= lr·(scale·O + weight_decay·w). `half`, unless null, receives w as fp16, or
// with `transpose` its transpose, in rows `half_stride` apart.
struct MuonArgs {
  float* weights;
  const float* gradients;
  float* m;
  int64_t rows, columns;
  double lr, momentum, weight_decay, scale, gradient_scale;
  Precision precision;  // of the iterations' products
  uint16_t* half;
  int64_t half_stride;
  bool transpose;
};
void Muon(const MuonArgs& args, ThreadPool& pool);

}  // namespace mayfly
