// Products of a matrix and a vector, which read each element of the matrix once: nothing is packed. Sums are fp32 in an
// order of their own, so they differ from Gemm's in the last bits.
#pragma once

#include <cstdint>

#include "math/gemm/gemm.h"

namespace mayfly {

// Compiled for each instruction set (loops/).
struct MatrixVectorLoops {
  // y[r] = Σ_k matrix[r · stride + k] · x[k]
  void (*half_dots)(const uint16_t* matrix, int64_t stride, int64_t rows, int64_t depth, const float* x, float* y);
  void (*float_dots)(const float* matrix, int64_t stride, int64_t rows, int64_t depth, const float* x, float* y);
  // y[r] = Σ_k matrix[k · stride + r] · x[k]
  void (*half_sums)(const uint16_t* matrix, int64_t stride, int64_t rows, int64_t depth, const float* x, float* y);
  void (*float_sums)(const float* matrix, int64_t stride, int64_t rows, int64_t depth, const float* x, float* y);
};

// Those of CurrentIsa().
const MatrixVectorLoops& CurrentMatrixVectorLoops();

// Whether C is a row or a column, and the other operand a matrix with contiguous rows or columns.
bool IsMatrixVector(const GemmArgs& args);

// As BatchedGemm, for products of which IsMatrixVector. The precision is always that of fp32 sums.
void BatchedMatrixVector(const GemmArgs& first, int64_t count, int64_t a_stride, int64_t b_stride, int64_t c_stride,
                         ThreadPool* pool);

// y[r] = Σ_k matrix[r, k] · x[k] for a dense fp16 matrix [rows, depth].
void HalfMatrixVector(const uint16_t* matrix, int64_t rows, int64_t depth, const float* x, float* y, ThreadPool* pool);

}  // namespace mayfly
