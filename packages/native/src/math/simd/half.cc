#include "math/simd/half.h"

#include <cmath>

#include "math/simd/half_bits.h"
#include "math/simd/vector_loops.h"

namespace mayfly {

float HalfToFloat(uint16_t half) { return HalfBitsToFloat(half); }
uint16_t FloatToHalf(float value) { return FloatToHalfBits(value); }

// By way of fp32 rounded to odd: towards zero, with the last bit set where anything was cut off. That keeps apart what
// lies beside a tie from the tie itself.
uint16_t DoubleToHalf(double value) {
  const float nearest = static_cast<float>(value);
  uint32_t bits = BitsFromFloat(nearest);
  if (static_cast<double>(nearest) != value) {
    if (std::fabs(static_cast<double>(nearest)) > std::fabs(value)) --bits;
    bits |= 1;
  }
  return FloatToHalfBits(FloatFromBits(bits));
}

void HalfToFloat(const uint16_t* from, float* to, int64_t count) { CurrentLoops().half_to_float(from, to, count); }
void FloatToHalf(const float* from, uint16_t* to, int64_t count) { CurrentLoops().float_to_half(from, to, count); }

}  // namespace mayfly
