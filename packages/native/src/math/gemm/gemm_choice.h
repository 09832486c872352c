// Which kernel computes a matrix product.
#pragma once

#include "math/gemm/gemm.h"
#include "math/gemm/gemm_kernel.h"

namespace mayfly {

// By the instruction set, the operands' types and the precision asked for: never by size or by time, so that an element
// is the same sum in any product that contains it.
const GemmKernel& ChooseKernel(const GemmArgs& args);

// The kernel in fp32 vectors of CurrentIsa(), which keeps infinities and NaN (defined beside the loops: loops/).
const GemmKernel& VectorKernel();

// Instruction set in use: "amx" if products are multiplied in tiles, else that of the vectors.
const char* InstructionSet();

// Why tiles that the processor announces are not used, as a sentence; null if they are, or there are none.
const char* TileFault();

// What multiplies with Precision::kFast: "amx-fp16", "amx-bf16", "avx512-bf16", or "exact" if nothing is faster.
const char* FastMatmul();

}  // namespace mayfly
