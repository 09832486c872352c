// Batched matrix products that skip a triangle of an operand or of the result.
#pragma once

#include "math/gemm/gemm.h"

namespace mayfly::cpu {

// For c[i, j] = Σ_p a[i, p]·b[p, j]: the triangle where an operand is zero, or where nobody reads c. `Above` is where
// column > row.
enum class Skip : uint8_t { kNothing, kAboveA, kBelowA, kAboveB, kBelowB, kAboveC, kBelowC };

// The same for cᵀ = bᵀ·aᵀ.
Skip Transposed(Skip skip);

// As BatchedGemm; skipped elements of c become zero. All others have the same bits, unless an operand is not finite
// where the other one is zero.
void TriangleProduct(const GemmArgs& first, Skip skip, int64_t count, int64_t a_stride, int64_t b_stride,
                     int64_t c_stride, ThreadPool* pool);

}  // namespace mayfly::cpu
