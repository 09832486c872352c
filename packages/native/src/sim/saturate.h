// The engine's arithmetic, as far as it is documented, written into a program.
#pragma once

#include "mil/typed_program.h"

namespace mayfly::sim {

// Results of matmul and conv from `limit` on in magnitude become infinities of their sign, NaN becomes +infinity.
void SaturateProducts(mil::TypedProgram* program, float limit);

}  // namespace mayfly::sim
