// Copies the windows of a convolution or a pooling into columns: [batch, channels, kernel…, output…] from [batch,
// channels, spatial…]. A matrix product with the weights completes the convolution, a reduction the pooling.
#pragma once

#include "cpu/node.h"
#include "mil/typed_program.h"

namespace mayfly::cpu {

class Im2colNode : public Node {
 public:
  // `to` must be dense.
  Im2colNode(const View& from, const View& to, const mil::WindowsAttributes& windows);
  void Run(Buffers buffers, ThreadPool* pool) const override;

 private:
  template <class T>
  void RunRows(Buffers buffers, int64_t begin, int64_t end, T outside) const;

  View from_, to_;
  mil::WindowsAttributes attributes_;
  // The extents of [batch, channels, kernel…], and those of the output's spatial dimensions.
  Shape rows_, windows_;
  int64_t row_count_, window_count_;
};

}  // namespace mayfly::cpu
