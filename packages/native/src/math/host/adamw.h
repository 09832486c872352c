// Decoupled AdamW (Loshchilov & Hutter 2019).
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "parallel/thread_pool.h"

namespace mayfly {

// g = gradient · gradient_scale; m and v follow g and g²; with both corrected for `step` (from 1):
// w −= lr·(m̂ / (√v̂ + eps) + weight_decay·w). All fp32, flat. `half`, unless null, receives w as fp16: as a matrix
// [count / columns, columns], or with `transpose` its transpose, in rows `half_stride` apart. Of a matrix without
// `half` only `rows` are updated, unless there are none: ranges [first, last).
struct AdamwArgs {
  float* weights;
  const float* gradients;
  float* m;
  float* v;
  int64_t count;
  double lr, beta1, beta2, eps, weight_decay;
  int64_t step;
  double gradient_scale;
  uint16_t* half;
  int64_t half_stride, columns;
  bool transpose;
  std::vector<std::pair<int64_t, int64_t>> rows;
};
void Adamw(const AdamwArgs& args, ThreadPool& pool);

}  // namespace mayfly
