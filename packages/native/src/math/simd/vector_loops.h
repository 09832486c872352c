// The inner loops of host math and of the cpu device, compiled once per instruction set from the *_loops.h headers.
#pragma once

#include <cstdint>

#include "math/gemm/gemm_loops.h"
#include "math/host/adamw_loops.h"
#include "math/host/norm_loops.h"
#include "math/host/reduce_loops.h"
#include "math/host/rope_loops.h"
#include "math/host/softmax_loops.h"
#include "math/host/transpose_loops.h"
#include "math/simd/half_loops.h"

namespace mayfly {

struct VectorLoops {
  GemmKernel gemm;
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

template <class S>
constexpr VectorLoops MakeVectorLoops() {
  return {MakeGemmKernel<S>(),
          ConvertArray<S, uint16_t, float>,
          ConvertArray<S, float, uint16_t>,
          TransposeRows<S, float, float>,
          TransposeRows<S, float, uint16_t>,
          AddTransposed<S>,
          ResidualNormColumns<S>,
          NormBackwardColumns<S>,
          {ColumnMaximum<S>, ColumnExponentiate<S>, ColumnScale<S>},
          Dot<S>,
          SumOfSquares<S>,
          Add<S>,
          RotatePairs<S>,
          AdamwUpdate<S>};
}

namespace avx512 {
extern const VectorLoops kLoops;
}
namespace avx2 {
extern const VectorLoops kLoops;
}
namespace neon {
extern const VectorLoops kLoops;
}
namespace portable {
extern const VectorLoops kLoops;
}

// Those of CurrentIsa().
const VectorLoops& CurrentLoops();

}  // namespace mayfly
