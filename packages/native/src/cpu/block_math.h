// exp, tanh, erf and functions of them, branch-free so that loops over them become vector code. Each is a template on
// the vectors of an instruction set, although it computes one lane: the linker must not take one set's for another's.
#pragma once

#include <cstdint>
#include <cstring>

namespace mayfly::cpu {

template <class S>
inline float MultiplyAdd(float a, float b, float c) {
  if constexpr (S::kFusedMultiplyAdd) return __builtin_fmaf(a, b, c);
  return a * b + c;
}

template <class S>
inline uint32_t Bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

template <class S>
inline float FromBits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

// Within 2 units in the last place of fp32: x = n·ln 2 + r, a Taylor polynomial in r, and 2ⁿ in two factors so that
// subnormal results and those next to infinity come out right.
template <class S>
inline float Exp(float x) {
  constexpr float kRounding = 12582912.0f;  // 1.5·2²³: adding it leaves the nearest integer in the low bits
  constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  x = x > 89.0f ? 89.0f : x;
  x = x < -104.0f ? -104.0f : x;
  const float shifted = MultiplyAdd<S>(x, 1.44269504f, kRounding);
  const float n = shifted - kRounding;
  float r = MultiplyAdd<S>(n, -kLn2High, x);
  r = MultiplyAdd<S>(n, -kLn2Low, r);
  float p = 1.0f / 5040;
  p = MultiplyAdd<S>(p, r, 1.0f / 720);
  p = MultiplyAdd<S>(p, r, 1.0f / 120);
  p = MultiplyAdd<S>(p, r, 1.0f / 24);
  p = MultiplyAdd<S>(p, r, 1.0f / 6);
  p = MultiplyAdd<S>(p, r, 0.5f);
  p = MultiplyAdd<S>(p, r, 1.0f);
  p = MultiplyAdd<S>(p, r, 1.0f);
  const int32_t exponent = static_cast<int32_t>(Bits<S>(shifted) - Bits<S>(kRounding));
  const int32_t half = exponent >> 1;
  const float low = FromBits<S>(static_cast<uint32_t>(half + 127) << 23);
  const float high = FromBits<S>(static_cast<uint32_t>(exponent - half + 127) << 23);
  return p * low * high;
}

template <class S>
inline float Sigmoid(float x) {
  return 1.0f / (1.0f + Exp<S>(-x));
}

// An odd polynomial near 0 (coefficients of Cephes' tanhf), 1 − 2/(e²ˣ + 1) beyond.
template <class S>
inline float Tanh(float x) {
  const float size = x < 0 ? -x : x;
  const float z = x * x;
  float p = -5.70498872745e-3f;
  p = MultiplyAdd<S>(p, z, 2.06390887954e-2f);
  p = MultiplyAdd<S>(p, z, -5.37397155531e-2f);
  p = MultiplyAdd<S>(p, z, 1.33314422036e-1f);
  p = MultiplyAdd<S>(p, z, -3.33332819422e-1f);
  const float near = MultiplyAdd<S>(p * z, x, x);
  const float far = 1.0f - 2.0f / (Exp<S>(2.0f * size) + 1.0f);
  const float signed_far = x < 0 ? -far : far;
  return size < 0.625f ? near : signed_far;
}

// Within 1 unit in the last place: an odd polynomial up to 1 and 1 − e to a polynomial beyond, both interpolated in
// Chebyshev points; from 4 on the result rounds to 1.
template <class S>
inline float Erf(float x) {
  const float size = x < 0 ? -x : x;
  const float z = x * x;
  float p = 7.882497111e-5f;
  p = MultiplyAdd<S>(p, z, -8.018854993e-4f);
  p = MultiplyAdd<S>(p, z, 5.189311943e-3f);
  p = MultiplyAdd<S>(p, z, -2.685432880e-2f);
  p = MultiplyAdd<S>(p, z, 1.128359746e-1f);
  p = MultiplyAdd<S>(p, z, -3.761262690e-1f);
  p = MultiplyAdd<S>(p, z, 1.283791671e-1f);
  const float near = MultiplyAdd<S>(p, x, x);
  const float far_size = size > 4.0f ? 4.0f : size;
  float q = 1.614061608e-6f;
  q = MultiplyAdd<S>(q, far_size, -4.559062254e-5f);
  q = MultiplyAdd<S>(q, far_size, 5.927695386e-4f);
  q = MultiplyAdd<S>(q, far_size, -4.740222345e-3f);
  q = MultiplyAdd<S>(q, far_size, 2.636471737e-2f);
  q = MultiplyAdd<S>(q, far_size, -1.099782451e-1f);
  q = MultiplyAdd<S>(q, far_size, -6.319370937e-1f);
  q = MultiplyAdd<S>(q, far_size, -1.130166676e+0f);
  q = MultiplyAdd<S>(q, far_size, 3.032129721e-4f);
  const float far = 1.0f - Exp<S>(q);
  const float signed_far = x < 0 ? -far : far;
  return size < 1.0f ? near : signed_far;
}

// The nearest value of fp16, ties to even, beyond its range infinity.
template <class S>
inline float RoundToHalf(float x) {
  const uint32_t bits = Bits<S>(x);
  const float normal = FromBits<S>((bits + 0xfff + ((bits >> 13) & 1)) & ~uint32_t{0x1fff});
  // 0.75 has the unit in the last place that fp16's subnormal numbers have.
  const float subnormal = (x + 0.75f) - 0.75f;
  const float size = x < 0 ? -x : x;
  const float infinite = x < 0 ? -__builtin_inff() : __builtin_inff();
  const float finite = size < 6.103515625e-5f ? subnormal : normal;
  return size >= 65520.0f ? infinite : x != x ? x : finite;
}

}  // namespace mayfly::cpu
