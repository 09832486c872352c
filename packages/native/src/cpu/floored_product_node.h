// Matrix products in which products of two elements are dropped where they are small: an engine's arithmetic, for
// device sim. By plain loops, which are many times slower than MatmulNode.
#pragma once

#include "cpu/node.h"

namespace mayfly::cpu {

class FlooredProductNode : public Node {
 public:
  // Operands as of MatmulNode. Products of magnitude below `floor` count as zero.
  FlooredProductNode(const View& a, const View& b, const View& c, bool accumulate, float floor);
  void Run(Buffers buffers, ThreadPool* pool) const override;

 private:
  View a_, b_, c_;
  bool accumulate_;
  float floor_;
};

}  // namespace mayfly::cpu
