// The engine's arithmetic, as far as it is documented, written into a program.
#pragma once

#include <optional>

#include "mil/typed_program.h"

namespace mayfly::sim {

// Where a chip differs from binary16 with wide accumulation. What is absent is as on the cpu device.
struct Numerics {
  // Results of matmul and conv from this magnitude on become infinities of their sign, NaN becomes +infinity.
  std::optional<float> infinite_from;
  // Results of matmul and conv from this magnitude on become zero instead.
  std::optional<float> zero_from;
  // Larger magnitudes that a slice takes from within the last axis become infinities of their sign.
  std::optional<float> slice_limit;
  // sigmoid and silu are lines between so many points from -8 to 8.
  std::optional<float> sigmoid_points;
  // matmul and conv drop products of two elements below this magnitude from their sums. The cpu device's engine does so
  // (`Engine::product_floor`), since a program cannot say it.
  std::optional<float> product_floor;
};

void ApplyNumerics(mil::TypedProgram* program, const Numerics& numerics);

}  // namespace mayfly::sim
