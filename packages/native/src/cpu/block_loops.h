// The inner loops of elementwise chains, reductions and softmax, compiled once for each instruction set
// (loops/).
#pragma once

#include <cstdint>

#include "cpu/instruction.h"

namespace mayfly::cpu {

struct BlockLoops {
  // Runs code over whole registers of kBlock 32-bit lanes, of which the first `count` matter.
  void (*run)(const Instruction* code, int instructions, void* registers, int64_t count);
  // One value of many: 16 interleaved partial results, then a tree, so that the order never changes.
  float (*fold)(Fold fold, const float* x, int64_t count);
  // to[i] = fold(to[i], x[i])
  void (*fold_into)(Fold fold, float* to, const float* x, int64_t count);
  // x[i] = exp(x[i] − max), returning their sum in the order of `fold`.
  float (*exp_sum)(float* x, int64_t count, float max);
  void (*scale)(float* x, int64_t count, float factor);
};

// Those of CurrentIsa().
const BlockLoops& CurrentBlockLoops();

}  // namespace mayfly::cpu
