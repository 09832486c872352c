// Transposes groups of rows. Templates on the vectors S of an instruction set.
#pragma once

#include <cstdint>

#include "math/simd/vector_math.h"

namespace mayfly {

// to[d · to_stride + i] = rows[i][d] for i < count ≤ kTransposeRows, d < length.
template <class S, class From, class To>
void TransposeRows(const From* const* rows, int64_t count, int64_t length, To* to, int64_t to_stride) {
  for (int64_t d = 0; d < length; d += S::kWidth) {
    const int64_t depth = length - d < S::kWidth ? length - d : S::kWidth;
    for (int64_t first = 0; first < count; first += S::kWidth) {
      typename S::F block[S::kWidth];
      for (int i = 0; i < S::kWidth; ++i) {
        block[i] = first + i < count ? LoadUpTo<S>(rows[first + i] + d, depth) : S::Zero();
      }
      S::Transpose(block);
      for (int64_t i = 0; i < depth; ++i) StoreUpTo<S>(to + (d + i) * to_stride + first, block[i], count - first);
    }
  }
}

// rows[n][d] += from[d · from_stride + n], in order of n, for d < depth; rows may repeat.
template <class S>
void AddTransposed(const float* from, int64_t from_stride, int64_t depth, float* const* rows, int64_t count) {
  for (int64_t d = 0; d < depth; d += S::kWidth) {
    for (int64_t n = 0; n < count; n += S::kWidth) {
      typename S::F block[S::kWidth];
      for (int i = 0; i < S::kWidth; ++i) {
        block[i] = d + i < depth ? LoadUpTo<S>(from + (d + i) * from_stride + n, count - n) : S::Zero();
      }
      S::Transpose(block);
      for (int64_t i = 0; i < S::kWidth && n + i < count; ++i) {
        float* to = rows[n + i] + d;
        StoreUpTo<S>(to, LoadUpTo<S>(to, depth - d) + block[i], depth - d);
      }
    }
  }
}

}  // namespace mayfly
