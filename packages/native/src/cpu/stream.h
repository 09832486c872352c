// Moves the elements that a loop nest visits in one tensor between memory and registers, a block at a time.
#pragma once

#include "cpu/node.h"

namespace mayfly::cpu {

constexpr int kMaxLoops = 2 * mil::kMaxRank;

// A position in a loop nest: the index of each loop, outermost first.
struct LoopIndex {
  int64_t at[kMaxLoops];
};

class Stream {
 public:
  // `strides` has one entry for each loop.
  Stream(const View& view, const Shape& extents, const Shape& strides);

  int buffer() const { return buffer_; }
  // Whether every iteration visits the same element.
  bool uniform() const { return uniform_; }

  // Converts `count` elements, from iteration `flat` on, to fp32 or int32 lanes, and back. `index` is IndexOf(flat).
  void Load(Buffers buffers, int64_t flat, const LoopIndex& index, int64_t count, void* to) const;
  void Store(Buffers buffers, int64_t flat, const LoopIndex& index, int64_t count, const void* from) const;

 private:
  template <class Move>
  void ForEachRun(int64_t flat, const LoopIndex& index, int64_t count, Move move) const;

  int buffer_;
  DType dtype_;
  int64_t offset_;
  int loops_;
  int64_t extents_[kMaxLoops];
  int64_t strides_[kMaxLoops];
  bool contiguous_;
  bool uniform_;
};

// The loop indices of iteration `flat`.
LoopIndex IndexOf(const Shape& extents, int64_t flat);

}  // namespace mayfly::cpu
