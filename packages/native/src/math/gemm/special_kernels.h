// Matrix products in other than fp32 vectors.
#pragma once

#include "math/gemm/gemm_kernel.h"

namespace mayfly {

namespace avx512bf16 {

// Operands rounded to bf16, in 512-bit vectors. Null if the compiler could not build it, the processor has none of it,
// or has nothing to gain from it: known by maker and family, not measured, so that one kind of processor computes one
// result. AMD's are twice as fast as fp32 (Zen 4 and later), Intel's no faster.
const GemmKernel* FastKernel();

}  // namespace avx512bf16

// Tiles (Intel AMX). A product of fp32 or fp16 operands is split exactly into products of bf16.
namespace amx {

struct Kernels {
  // fp16 as the exact sum of two bf16, all four products: relative rms error 3e-7 at a depth of 2048.
  const GemmKernel* halves;
  // fp32 as the exact sum of three bf16, without the three products that are below fp32's own rounding.
  const GemmKernel* floats;
  // Operands rounded to bf16.
  const GemmKernel* bf16;
  // fp16 as it is (AMX-FP16). Null if the compiler could not build it.
  const GemmKernel* native_halves;
};

// All null if the compiler could not build them.
const Kernels& AllKernels();

// Whether a first product by each kernel agrees with plain arithmetic. Needs MayUseTiles().
bool TilesComputeRight();

}  // namespace amx

}  // namespace mayfly
