// Division of whole numbers from 0 up, rounded up.
#pragma once

#include <cstdint>

namespace mayfly {

constexpr int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The least multiple of `step` from `a` up.
constexpr int64_t RoundUp(int64_t a, int64_t step) { return CeilDivide(a, step) * step; }

}  // namespace mayfly
