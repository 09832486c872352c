// One step of a plan. It reads and writes buffers, and allocates nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "cpu/view.h"
#include "parallel/thread_pool.h"

namespace mayfly::cpu {

// The addresses of a plan's buffers.
using Buffers = uint8_t* const*;

inline uint8_t* AddressOf(const View& view, Buffers buffers) {
  return buffers[view.buffer] + view.offset * static_cast<int64_t>(SizeOf(view.dtype));
}

class Node {
 public:
  virtual ~Node() = default;
  virtual void Run(Buffers buffers, ThreadPool* pool) const = 0;

  // The buffers that it uses, for their lifetimes.
  const std::vector<int>& reads() const { return reads_; }
  const std::vector<int>& writes() const { return writes_; }

 protected:
  void Reads(const View& view) { reads_.push_back(view.buffer); }
  void Writes(const View& view) { writes_.push_back(view.buffer); }

 private:
  std::vector<int> reads_;
  std::vector<int> writes_;
};

}  // namespace mayfly::cpu
