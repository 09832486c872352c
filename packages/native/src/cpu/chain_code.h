// Compiles a chain of elementwise operations into instructions.
#pragma once

#include <vector>

#include "cpu/chain.h"
#include "cpu/instruction.h"

namespace mayfly::cpu {

struct ChainCode {
  std::vector<Instruction> instructions;
  // The registers of the chain's inputs and results.
  std::vector<int> inputs;
  std::vector<int> results;
};

// Never reuses the registers of inputs marked `uniform`, so that they can be loaded once.
ChainCode CompileChain(const Chain& chain, const std::vector<bool>& uniform);

}  // namespace mayfly::cpu
