// Finds causal attention by its mask, so that matrix products skip the part above the diagonal.
#pragma once

#include <vector>

#include "mil/typed_program.h"

namespace mayfly::cpu {

// Knowledge about the elements of a value above the diagonal: [.., row, column] with column > row.
enum class Triangle : uint8_t {
  kUnknown,
  kZero,
  kUnread,  // results do not depend on them, as long as they are finite
};

// One entry for each value. A softmax is causal if a constant of at most −10,000 is added to its operand above the
// diagonal: as −∞ would, it makes those results 0. (A score would have to be 9,900 below a masked one to differ.)
std::vector<Triangle> FindTriangles(const mil::TypedProgram& program);

}  // namespace mayfly::cpu
