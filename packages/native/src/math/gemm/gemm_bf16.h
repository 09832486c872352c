// The matrix product in 512-bit vectors of bf16.
#pragma once

#include "math/gemm/gemm_kernel.h"

namespace mayfly::avx512 {

// Null where the compiler could not build it; to be used only where CPUID announces AVX512_BF16.
const GemmKernel* Bf16Kernel();

}  // namespace mayfly::avx512
