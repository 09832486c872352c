// Runs a fused chain of elementwise operations and stores its results.
#pragma once

#include "cpu/expression.h"

namespace mayfly::cpu {

class ElementwiseNode : public Node {
 public:
  // All outputs must have one shape.
  ElementwiseNode(const Chain& chain, const std::vector<View>& outputs);
  void Run(Buffers buffers, ThreadPool* pool) const override;

 private:
  Expression expression_;
};

}  // namespace mayfly::cpu
