// Loops over flat arrays: conversion, sums, rotation, AdamW. Templates on the vectors S of an instruction set.
#pragma once

#include <cstdint>

#include "math/host/vector_loops.h"
#include "math/simd/vector_math.h"

namespace mayfly {

// fp16 ↔ fp32.
template <class S, class From, class To>
void ConvertArray(const From* from, To* to, int64_t count) {
  int64_t i = 0;
  for (; i + S::kWidth <= count; i += S::kWidth) S::Store(to + i, S::Load(from + i));
  if (i < count) S::Store(to + i, S::Load(from + i, count - i), count - i);
}

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

template <class S>
void AdamwUpdate(const AdamwStep& step, float* weights, const float* gradients, float* m, float* v, int64_t count) {
  using F = typename S::F;
  const F gradient_scale = S::Set(step.gradient_scale), keep_m = S::Set(step.keep_m), take_m = S::Set(step.take_m);
  const F keep_v = S::Set(step.keep_v), take_v = S::Set(step.take_v), decay = S::Set(step.decay);
  const F rate = S::Set(step.rate), correct_v = S::Set(step.correct_v), eps = S::Set(step.eps);
  for (int64_t i = 0; i < count; i += S::kWidth) {
    const int64_t left = count - i;
    const F gradient = gradient_scale * LoadUpTo<S>(gradients + i, left);
    const F first = S::Fma(keep_m, LoadUpTo<S>(m + i, left), take_m * gradient);
    const F second = S::Fma(keep_v, LoadUpTo<S>(v + i, left), take_v * gradient * gradient);
    StoreUpTo<S>(m + i, first, left);
    StoreUpTo<S>(v + i, second, left);
    const F change = rate * first / (S::Sqrt(second * correct_v) + eps);
    const F weight = LoadUpTo<S>(weights + i, left);
    StoreUpTo<S>(weights + i, weight - S::Fma(decay, weight, change), left);
  }
}

}  // namespace mayfly
