// All loops for the vectors S of one instruction set. Include it between MAYFLY_BEGIN_TARGET and MAYFLY_END_TARGET,
// after loops/loops.h.
#pragma once

#include "cpu/block_loops_body.h"
#include "loops/loops.h"
#include "math/gemm/gemm_loops.h"
#include "math/gemm/matrix_vector_loops.h"
#include "math/host/array_loops.h"
#include "math/host/norm_loops.h"
#include "math/host/softmax_loops.h"
#include "math/host/transpose_loops.h"

namespace mayfly {

template <class S>
constexpr VectorLoops MakeVectorLoops() {
  return {ConvertArray<S, uint16_t, float>,
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

template <class S>
constexpr Loops MakeLoops() {
  return {MakeGemmKernel<S>(), MakeMatrixVectorLoops<S>(), MakeVectorLoops<S>(), cpu::MakeBlockLoops<S>()};
}

}  // namespace mayfly
