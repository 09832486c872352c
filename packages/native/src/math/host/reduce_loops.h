// Sums, once for every instruction set.
#pragma once

#include <cstdint>

#include "math/simd/vector_math.h"

namespace mayfly {

// Σ x², in sixteen double chains whatever the instruction set. (S only tells the instantiations apart.)
template <class S>
double SumOfSquares(const float* x, int64_t count) {
  constexpr int kChains = 16;
  double sums[kChains] = {};
  int64_t i = 0;
  for (; i + kChains <= count; i += kChains) {
    for (int lane = 0; lane < kChains; ++lane) {
      const double value = x[i + lane];
      sums[lane] += value * value;
    }
  }
  for (int lane = 0; i < count; ++i, ++lane) sums[lane] += static_cast<double>(x[i]) * x[i];
  double total = 0;
  for (int lane = 0; lane < kChains; ++lane) total += sums[lane];
  return total;
}

// to[i] += from[i].
template <class S>
void Add(const float* from, float* to, int64_t count) {
  for (int64_t i = 0; i < count; i += S::kWidth) {
    const int64_t left = count - i;
    StoreUpTo<S>(to + i, LoadUpTo<S>(to + i, left) + LoadUpTo<S>(from + i, left), left);
  }
}

template <class S>
float Dot(const float* a, const float* b, int64_t count) {
  typename S::F sums[4] = {S::Zero(), S::Zero(), S::Zero(), S::Zero()};
  int64_t i = 0;
  for (; i + 4 * S::kWidth <= count; i += 4 * S::kWidth) {
    for (int chain = 0; chain < 4; ++chain) {
      const int64_t at = i + chain * S::kWidth;
      sums[chain] = S::Fma(S::Load(a + at), S::Load(b + at), sums[chain]);
    }
  }
  for (; i < count; i += S::kWidth) {
    sums[0] = S::Fma(LoadUpTo<S>(a + i, count - i), LoadUpTo<S>(b + i, count - i), sums[0]);
  }
  return SumLanes<S>((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

}  // namespace mayfly
