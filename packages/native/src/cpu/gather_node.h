// Copies slices of a tensor along one axis, which a tensor of indices selects.
#pragma once

#include <string>

#include "cpu/node.h"

namespace mayfly::cpu {

class GatherNode : public Node {
 public:
  // `to` has x's dimensions before the axis, the dimensions of the indices, and x's dimensions after the axis.
  GatherNode(const View& x, const View& indices, int axis, bool negative_wraps, std::string label, const View& to);
  // Throws ERR_INPUT_DATA for an index outside the axis.
  void Run(Buffers buffers, ThreadPool* pool) const override;

 private:
  template <class T>
  void CopySlice(const T* from, T* to) const;

  View x_, indices_, to_;
  bool negative_wraps_;
  std::string label_;
  int64_t axis_size_, axis_stride_;
  // The loops over one slice, and over the indices.
  LoopNest slice_;
  Shape index_strides_;
  int64_t index_count_;
};

}  // namespace mayfly::cpu
