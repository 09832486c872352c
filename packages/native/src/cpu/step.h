// Cuts a program into steps. A step is one operation, or a chain of fused elementwise operations, which may end in a
// reduction or a softmax.
#pragma once

#include <vector>

#include "mil/typed_program.h"

namespace mayfly::cpu {

struct Step {
  // Indices into the program's operations, in ascending order. The last operation names the step.
  std::vector<int> operations;
  // The values that others read, in the order of the operations.
  std::vector<mil::ValueId> results;
  // Whether to compute it once while compiling: it depends on constants only, and is small.
  bool constant = false;
};

// Steps come after those that compute their inputs. Operations without effect on the results are left out.
std::vector<Step> CutIntoSteps(const mil::TypedProgram& program);

}  // namespace mayfly::cpu
