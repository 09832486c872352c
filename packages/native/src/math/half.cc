#include "math/half.h"

#include "math/half_bits.h"
#include "math/vector_loops.h"

namespace mayfly {

float HalfToFloat(uint16_t half) { return HalfBitsToFloat(half); }
uint16_t FloatToHalf(float value) { return FloatToHalfBits(value); }

void HalfToFloat(const uint16_t* from, float* to, int64_t count) { CurrentLoops().half_to_float(from, to, count); }
void FloatToHalf(const float* from, uint16_t* to, int64_t count) { CurrentLoops().float_to_half(from, to, count); }

}  // namespace mayfly
