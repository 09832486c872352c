// The matrix product in tiles (Intel AMX). A product of fp32 or fp16 operands is split exactly into products of bf16.
#pragma once

#include "math/gemm/gemm_kernel.h"

namespace mayfly::amx {

struct Kernels {
  // fp16 as the exact sum of two bf16, all four products: relative rms error 3e-7 at a depth of 2048.
  const GemmKernel* halves;
  // fp32 as the exact sum of three bf16, without the three products that are below fp32's own rounding.
  const GemmKernel* floats;
  // Operands rounded to bf16.
  const GemmKernel* bf16;
  // fp16 as it is (AMX-FP16). Null where the compiler could not build it.
  const GemmKernel* native_halves;
};

// All null where the compiler could not build them.
const Kernels& AllKernels();

}  // namespace mayfly::amx
