// The inner loops of products of a matrix and a vector, as templates on the vectors S of an instruction set. Sums are
// fp32; an element is one sum in one order, whatever rows are computed with it.
#pragma once

#include <cstdint>

#include "math/gemm/matrix_vector.h"
#include "math/simd/vector_math.h"

namespace mayfly {

// Asks for the cache lines of a range, which may lie outside of what can be read.
inline void Prefetch(const void* from, int64_t bytes) {
  for (int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(static_cast<const char*>(from) + at);
}

// Distance of Prefetch: a row is too short for the processor to see where its loads lead.
constexpr int64_t kAhead = 8192;

// y[r] = Σ_k matrix[r · stride + k] · x[k]: a lane for each k modulo the width, then the sum of the lanes. As many rows
// as a vector has lanes are computed together, so that their lanes are summed as columns.
template <class S, class T>
void RowDots(const T* matrix, int64_t stride, int64_t rows, int64_t depth, const float* x, float* y) {
  using F = typename S::F;
  constexpr int kRows = S::kWidth;
  for (int64_t first = 0; first < rows; first += kRows) {
    const int64_t left = rows - first;
    // Rows without gaps are asked for in the order of memory.
    const char* ahead = reinterpret_cast<const char*>(matrix + first * stride) + kAhead;
    const int64_t step_bytes = stride == depth ? kRows * S::kWidth * static_cast<int64_t>(sizeof(T)) : 0;
    const T* row[kRows];
    for (int r = 0; r < kRows; ++r) row[r] = matrix + (first + (r < left ? r : left - 1)) * stride;
    F sums[kRows];
    for (int r = 0; r < kRows; ++r) sums[r] = S::Zero();
    int64_t k = 0;
    for (; k + S::kWidth <= depth; k += S::kWidth) {
      Prefetch(ahead, step_bytes);
      ahead += step_bytes;
      const F factor = S::Load(x + k);
      for (int r = 0; r < kRows; ++r) sums[r] = S::Fma(S::Load(row[r] + k), factor, sums[r]);
    }
    if (k < depth) {
      const F factor = S::Load(x + k, depth - k);
      for (int r = 0; r < kRows; ++r) sums[r] = S::Fma(S::Load(row[r] + k, depth - k), factor, sums[r]);
    }
    S::Transpose(sums);
    for (int step = kRows / 2; step > 0; step /= 2) {
      for (int r = 0; r < step; ++r) sums[r] = sums[r] + sums[r + step];
    }
    StoreUpTo<S>(y + first, sums[0], left);
  }
}

// y[r] = Σ_k matrix[k · stride + r] · x[k]: even and odd k apart, then both together.
template <class S, class T>
void RowSums(const T* matrix, int64_t stride, int64_t rows, int64_t depth, const float* x, float* y) {
  using F = typename S::F;
  constexpr int kVectors = 4;
  for (int64_t first = 0; first < rows; first += kVectors * S::kWidth) {
    F even[kVectors], odd[kVectors];
    for (int v = 0; v < kVectors; ++v) even[v] = odd[v] = S::Zero();
    const int64_t left = rows - first;
    const bool whole = left >= kVectors * S::kWidth;
    const int vectors = whole ? kVectors : static_cast<int>((left + S::kWidth - 1) / S::kWidth);
    const auto add = [&](int64_t k, F(&sums)[kVectors]) {
      const T* row = matrix + k * stride + first;
      const F factor = S::Set(x[k]);
      if (whole) {
        for (int v = 0; v < kVectors; ++v) sums[v] = S::Fma(S::Load(row + v * S::kWidth), factor, sums[v]);
      } else {
        for (int v = 0; v < vectors; ++v) {
          sums[v] = S::Fma(LoadUpTo<S>(row + v * S::kWidth, left - v * S::kWidth), factor, sums[v]);
        }
      }
    };
    int64_t k = 0;
    for (; k + 2 <= depth; k += 2) {
      add(k, even);
      add(k + 1, odd);
    }
    if (k < depth) add(k, even);
    for (int v = 0; v < vectors; ++v) {
      StoreUpTo<S>(y + first + v * S::kWidth, even[v] + odd[v], left - v * S::kWidth);
    }
  }
}

template <class S>
constexpr MatrixVectorLoops MakeMatrixVectorLoops() {
  return {RowDots<S, uint16_t>, RowDots<S, float>, RowSums<S, uint16_t>, RowSums<S, float>};
}

}  // namespace mayfly
