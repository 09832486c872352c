// fp16 ↔ fp32 for whole arrays (SIMD where there is any) and single values; round to nearest even, NaN and infinity
// kept.
#pragma once

#include <cstdint>

namespace mayfly {

float HalfToFloat(uint16_t half);
uint16_t FloatToHalf(float value);
// One rounding: not that to fp32 first.
uint16_t DoubleToHalf(double value);

void HalfToFloat(const uint16_t* from, float* to, int64_t count);
void FloatToHalf(const float* from, uint16_t* to, int64_t count);

}  // namespace mayfly
