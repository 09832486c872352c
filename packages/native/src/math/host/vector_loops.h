// The inner loops of host math, compiled once for each instruction set (loops/).
#pragma once

#include <cstdint>

#include "math/host/norm.h"

namespace mayfly {

// The most rows of one TransposeRows.
constexpr int64_t kTransposeRows = 16;

// Columns that are taken through both passes together, and whose weight gradients are summed before others' are added.
constexpr int64_t kNormColumns = 64;

// One step's constants: m = keep_m·m + take_m·g, v = keep_v·v + take_v·g²,
// w −= decay·w + rate·m / (√(v · correct_v) + eps), where rate holds the learning rate and m's correction.
struct AdamwStep {
  float gradient_scale;
  float keep_m, take_m;
  float keep_v, take_v;
  float decay;
  float rate, correct_v, eps;
};

struct SoftmaxLoops {
  // maximum[n] = max_r x[r, n]
  void (*maximum)(const float* x, int64_t rows, int64_t columns, float* maximum);
  // x[r, n] = exp(x[r, n] − maximum[n]); sum[n] = Σ_r x[r, n]
  void (*exponentiate)(float* x, int64_t rows, int64_t columns, const float* maximum, float* sum);
  // x[r, n] *= factor[n]
  void (*scale)(float* x, int64_t rows, int64_t columns, const float* factor);
};

struct VectorLoops {
  void (*half_to_float)(const uint16_t* from, float* to, int64_t count);
  void (*float_to_half)(const float* from, uint16_t* to, int64_t count);
  void (*transpose_rows)(const float* const* rows, int64_t count, int64_t length, float* to, int64_t to_stride);
  void (*transpose_to_half)(const float* const* rows, int64_t count, int64_t length, uint16_t* to, int64_t to_stride);
  void (*add_transposed)(const float* from, int64_t from_stride, int64_t depth, float* const* rows, int64_t count);
  void (*residual_norm)(const ResidualNormArgs& args, int64_t begin, int64_t end);
  void (*norm_backward)(const NormBackwardArgs& args, float* d_weight, int64_t first, int64_t count);
  SoftmaxLoops softmax;
  float (*dot)(const float* a, const float* b, int64_t count);
  double (*sum_of_squares)(const float* x, int64_t count);
  void (*add)(const float* from, float* to, int64_t count);
  void (*rotate_pairs)(float* a, float* b, const float* cosines, const float* sines, bool inverse, int64_t count);
  void (*adamw)(const AdamwStep& step, float* weights, const float* gradients, float* m, float* v, int64_t count);
};

// Those of CurrentIsa().
const VectorLoops& CurrentLoops();

}  // namespace mayfly
