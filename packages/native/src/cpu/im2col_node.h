// Convolution windows as columns: [batch, channels, kernel…, output…] from [batch, channels, spatial…], zero where a
// window leaves the input. The product with the weights is then a matrix product.
#pragma once

#include "cpu/node.h"
#include "mil/typed_program.h"

namespace mayfly::cpu {

class Im2colNode : public Node {
 public:
  // `to` is dense.
  Im2colNode(const View& from, const View& to, const mil::ConvAttributes& conv);
  void Run(Buffers buffers, ThreadPool* pool) const override;

 private:
  template <class T>
  void RunRows(Buffers buffers, int64_t begin, int64_t end) const;

  View from_, to_;
  mil::ConvAttributes conv_;
  // Extents of [batch, channels, kernel…] and of the output's spatial dimensions.
  Shape rows_, windows_;
  int64_t row_count_, window_count_;
};

}  // namespace mayfly::cpu
