// Batched products without the part that a triangle of an operand or of the result makes superfluous.
#pragma once

#include "math/gemm/gemm.h"

namespace mayfly::cpu {

// Of a product c[i, j] = Σ_p a[i, p]·b[p, j]: where an operand is zero, or c is not read. `Above` means column > row.
enum class Skip : uint8_t { kNothing, kAboveA, kBelowA, kAboveB, kBelowB, kAboveC, kBelowC };

// The same of cᵀ = bᵀ·aᵀ.
Skip Transposed(Skip skip);

// As BatchedGemm; what is skipped of c becomes zero. Elements are the same bit for bit, unless an operand is not finite
// where the other is zero.
void TriangleProduct(const GemmArgs& first, Skip skip, int64_t count, int64_t a_stride, int64_t b_stride,
                     int64_t c_stride, ThreadPool* pool);

}  // namespace mayfly::cpu
