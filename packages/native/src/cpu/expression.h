// A fused chain of elementwise operations: tensors are loaded into registers block by block, code runs, results stay in
// fp32 until they are stored.
#pragma once

#include <vector>

#include "cpu/block_loops.h"
#include "cpu/chain.h"
#include "cpu/stream.h"

namespace mayfly::cpu {

class Expression {
 public:
  // Iterates over `shape` with its dimensions in the order given, outermost first. `outputs` hold the results, or are
  // none where a reduction reads them from the registers.
  Expression(const Chain& chain, const Shape& shape, const std::vector<int>& order, const std::vector<View>& outputs);

  int64_t iterations() const { return iterations_; }

  // Registers of one thread; uniform operands are loaded on construction.
  class Frame {
   public:
    Frame(const Expression& expression, Buffers buffers);
    // Iterations [flat, flat + count), at most kBlock.
    void Run(int64_t flat, int64_t count);
    // Lanes of the only result.
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
