// A program cut into steps: single operations, or elementwise operations fused into a chain, that a reduction or
// softmax may consume.
#pragma once

#include <vector>

#include "mil/typed_program.h"

namespace mayfly::cpu {

struct Step {
  // Indices into the program's operations, ascending; the last one names the step.
  std::vector<int> operations;
  // Values that leave the step, in the order of its operations.
  std::vector<mil::ValueId> results;
  // Depends on constants only, and is small enough to be computed once while compiling.
  bool constant = false;
};

// In an order in which each step's inputs are computed before it. Operations without effect on the results are left
// out.
std::vector<Step> CutIntoSteps(const mil::TypedProgram& program);

}  // namespace mayfly::cpu
