// Elementwise operations that are computed together, block by block, without memory in between.
#pragma once

#include <utility>
#include <vector>

#include "cpu/view.h"
#include "mil/typed_program.h"

namespace mayfly::cpu {

struct Chain {
  const mil::TypedProgram* program;
  // Indices into its operations, in order. Operations and inputs together are at most kMaxRegisters.
  std::vector<int> operations;
  // The values that are read from memory, each with its view.
  std::vector<std::pair<mil::ValueId, View>> inputs;
  // The values to store, or the one to reduce.
  std::vector<mil::ValueId> results;
};

}  // namespace mayfly::cpu
