// Copies the windows of a convolution into columns: [batch, channels, kernel…, output…] from [batch, channels,
// spatial…], with zeros where a window leaves the input. A matrix product with the weights completes the convolution.
#pragma once

#include "cpu/node.h"
#include "mil/typed_program.h"

namespace mayfly::cpu {

class Im2colNode : public Node {
 public:
  // `to` must be dense.
  Im2colNode(const View& from, const View& to, const mil::ConvAttributes& conv);
  void Run(Buffers buffers, ThreadPool* pool) const override;

 private:
  template <class T>
  void RunRows(Buffers buffers, int64_t begin, int64_t end) const;

  View from_, to_;
  mil::ConvAttributes conv_;
  // The extents of [batch, channels, kernel…], and those of the output's spatial dimensions.
  Shape rows_, windows_;
  int64_t row_count_, window_count_;
};

}  // namespace mayfly::cpu
