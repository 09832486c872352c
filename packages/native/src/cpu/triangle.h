// Square matrices of which the part above the diagonal need not be computed: causal attention, recognised by its mask.
#pragma once

#include <vector>

#include "mil/typed_program.h"

namespace mayfly::cpu {

// What is known of the elements [.., row, column] of a value with column > row.
enum class Triangle : uint8_t {
  kUnknown,
  kZero,
  kUnread,  // nothing depends on them, as long as they are finite
};

// One entry per value. Softmax is causal where a constant of at most −10,000 is added above the diagonal: like −∞, it
// leaves nothing there. (A score would have to be 9,900 below one that is masked to tell the difference.)
std::vector<Triangle> FindTriangles(const mil::TypedProgram& program);

}  // namespace mayfly::cpu
