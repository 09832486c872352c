// Rotation of pairs of channels, once for every instruction set.
#pragma once

#include <cstdint>

#include "math/simd/vector_math.h"

namespace mayfly {

// (a, b) = (a·cos − b·sin, a·sin + b·cos), with sin negated for the inverse.
template <class S>
void RotatePairs(float* a, float* b, const float* cosines, const float* sines, bool inverse, int64_t count) {
  using F = typename S::F;
  const F sign = S::Set(inverse ? -1.0f : 1.0f);
  for (int64_t n = 0; n < count; n += S::kWidth) {
    const int64_t left = count - n;
    const F cosine = LoadUpTo<S>(cosines + n, left), sine = sign * LoadUpTo<S>(sines + n, left);
    const F x = LoadUpTo<S>(a + n, left), y = LoadUpTo<S>(b + n, left);
    StoreUpTo<S>(a + n, x * cosine - y * sine, left);
    StoreUpTo<S>(b + n, x * sine + y * cosine, left);
  }
}

}  // namespace mayfly
