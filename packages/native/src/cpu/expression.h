// Executes a fused chain of elementwise operations. For each block it loads tensors into registers, runs the code there
// in fp32, and stores the results.
#pragma once

#include <vector>

#include "cpu/block_loops.h"
#include "cpu/chain.h"
#include "cpu/stream.h"

namespace mayfly::cpu {

class Expression {
 public:
  // Iterates over `shape` with its dimensions in this order, outermost first. `outputs` get the results; there are none
  // if a reduction reads the results from the registers.
  Expression(const Chain& chain, const Shape& shape, const std::vector<int>& order, const std::vector<View>& outputs);

  int64_t iterations() const { return iterations_; }

  // The registers of one thread. The constructor loads uniform operands.
  class Frame {
   public:
    Frame(const Expression& expression, Buffers buffers);
    // Runs iterations [flat, flat + count), at most kBlock.
    void Run(int64_t flat, int64_t count);
    // The lanes of the only result.
    void* Result() { return registers_ + expression_.result_registers_[0] * kBlock * 4; }

   private:
    const Expression& expression_;
    Buffers buffers_;
    const BlockLoops& loops_;
    alignas(64) uint8_t registers_[kMaxRegisters * kBlock * 4];
  };

 private:
  struct Operand {
    Stream stream;
    int reg;
  };

  Shape extents_;
  int64_t iterations_;
  std::vector<Operand> loads_;
  std::vector<Operand> stores_;
  std::vector<Instruction> code_;
  std::vector<int> result_registers_;
};

}  // namespace mayfly::cpu
