// Which kernel computes a matrix product.
#pragma once

#include "math/gemm/gemm.h"
#include "math/gemm/gemm_kernel.h"

namespace mayfly {

// By the instruction set, the operands' types and the precision asked for: never by size or by time, so that an element
// is the same sum in any product that contains it.
const GemmKernel& ChooseKernel(const GemmArgs& args);

// The one in fp32 vectors, in which infinities and NaN come through.
const GemmKernel& VectorKernel();

// What multiplies with Precision::kFast: "amx-fp16", "amx-bf16", "avx512-bf16", or "exact" where nothing is faster.
const char* FastMatmul();

}  // namespace mayfly
