// The AdamW update of a range, once for every instruction set.
#pragma once

#include <cstdint>

#include "math/simd/vector_math.h"

namespace mayfly {

// One step's constants: m = keep_m·m + take_m·g, v = keep_v·v + take_v·g²,
// w −= decay·w + rate·m / (√(v · correct_v) + eps), where rate holds the learning rate and m's correction.
struct AdamwStep {
  float gradient_scale;
  float keep_m, take_m;
  float keep_v, take_v;
  float decay;
  float rate, correct_v, eps;
};

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
