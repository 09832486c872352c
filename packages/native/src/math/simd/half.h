// fp16 ↔ fp32. Rounds to nearest even; a NaN becomes quiet and keeps its sign and upper payload, as the instructions of
// x86 and arm64 do it.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace mayfly {

inline float FloatFromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline uint32_t BitsFromFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

inline float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t magnitude = half & 0x7fff;
  const uint32_t normal = (magnitude << 13) + (112u << 23);  // exponent bias 15 → 127
  const uint32_t special = (magnitude << 13) | 0x7f800000u | (magnitude > 0x7c00 ? 0x00400000u : 0);
  const uint32_t subnormal = BitsFromFloat(static_cast<float>(magnitude) * 0x1p-24f);
  return FloatFromBits(sign | (magnitude >= 0x7c00 ? special : magnitude < 0x0400 ? subnormal : normal));
}

inline uint16_t FloatToHalf(float value) {
  const uint32_t bits = BitsFromFloat(value);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  const uint32_t rounded = magnitude + 0x0fff + ((magnitude >> 13) & 1);
  const uint32_t normal = (rounded >> 13) - (112u << 10);
  // Floats in [0.5, 1) are 2^-24 apart, as fp16's subnormals are: the addition rounds to them.
  const uint32_t subnormal = BitsFromFloat(FloatFromBits(magnitude < 0x38800000u ? magnitude : 0) + 0.5f) - 0x3f000000u;
  const uint32_t nan = 0x7e00 | ((magnitude >> 13) & 0x03ff);
  const uint32_t finite = magnitude < 0x38800000u ? subnormal : normal;
  const uint32_t overflow = magnitude > 0x7f800000u ? nan : 0x7c00;
  return static_cast<uint16_t>(sign | (magnitude >= 0x477ff000u ? overflow : finite));
}

// Rounds once: to fp32 towards zero, with the last bit set where anything was cut off, which keeps apart what lies
// beside a tie from the tie itself; then to fp16.
inline uint16_t DoubleToHalf(double value) {
  const float nearest = static_cast<float>(value);
  uint32_t bits = BitsFromFloat(nearest);
  if (static_cast<double>(nearest) != value) {
    if (std::fabs(static_cast<double>(nearest)) > std::fabs(value)) --bits;
    bits |= 1;
  }
  return FloatToHalf(FloatFromBits(bits));
}

// Whole arrays, in the vectors of CurrentIsa().
void HalfToFloat(const uint16_t* from, float* to, int64_t count);
void FloatToHalf(const float* from, uint16_t* to, int64_t count);

}  // namespace mayfly
