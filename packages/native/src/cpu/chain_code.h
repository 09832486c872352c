// Elementwise operations as instructions.
#pragma once

#include <vector>

#include "cpu/chain.h"
#include "cpu/instruction.h"

namespace mayfly::cpu {

struct ChainCode {
  std::vector<Instruction> instructions;
  // Of each input and each result of the chain.
  std::vector<int> inputs;
  std::vector<int> results;
};

// Registers of inputs marked `uniform` are never reused, so that they can be loaded once.
ChainCode CompileChain(const Chain& chain, const std::vector<bool>& uniform);

}  // namespace mayfly::cpu
