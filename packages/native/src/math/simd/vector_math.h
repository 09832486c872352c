// Small functions of vectors, as templates on the vectors S of an instruction set.
#pragma once

#include <cstdint>

namespace mayfly {

// Loads a whole vector, or the last `left` elements and zeros.
template <class S, class T>
inline typename S::F LoadUpTo(const T* from, int64_t left) {
  return left >= S::kWidth ? S::Load(from) : S::Load(from, left);
}

template <class S, class T>
inline void StoreUpTo(T* to, typename S::F value, int64_t left) {
  if (left >= S::kWidth) {
    S::Store(to, value);
  } else {
    S::Store(to, value, left);
  }
}

// Adds neighbours, then pairs of neighbours, …: one order for one width.
template <class S>
inline float SumLanes(typename S::F x) {
  float lanes[S::kWidth];
  S::Store(lanes, x);
  for (int step = 1; step < S::kWidth; step *= 2) {
    for (int i = 0; i < S::kWidth; i += 2 * step) lanes[i] += lanes[i + step];
  }
  return lanes[0];
}

// e^x for x ≤ 88, to 2 units in the last place; 2^-126 stands for all that is smaller. NaN stays NaN. After Cephes'
// expf: x = n·ln 2 + r, e^r by a polynomial.
template <class S>
inline typename S::F Exp(typename S::F x) {
  using F = typename S::F;
  constexpr float kRound = 12582912.0f;  // 1.5·2^23: adding it leaves no bits for a fraction
  x = S::Max(S::Set(-87.336544f), x);
  const F n = S::Fma(x, S::Set(1.44269504f), S::Set(kRound)) - S::Set(kRound);
  const F r = S::Fma(n, S::Set(2.12194440e-4f), S::Fma(n, S::Set(-0.693359375f), x));
  F p = S::Set(1.9875691500e-4f);
  p = S::Fma(p, r, S::Set(1.3981999507e-3f));
  p = S::Fma(p, r, S::Set(8.3334519073e-3f));
  p = S::Fma(p, r, S::Set(4.1665795894e-2f));
  p = S::Fma(p, r, S::Set(1.6666665459e-1f));
  p = S::Fma(p, r, S::Set(5.0000001201e-1f));
  return S::Scale(S::Fma(p, r * r, r + S::Set(1.0f)), n);
}

}  // namespace mayfly
