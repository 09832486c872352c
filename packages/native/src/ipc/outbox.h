// Frames for a non-blocking socket: what it does not take at once is kept in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ipc/frame.h"

namespace mayfly {

class Outbox {
 public:
  // The descriptor stays its owner's.
  explicit Outbox(int fd) : fd_(fd) {}

  void Send(const Frame& frame, const void* payload);
  // Sends what was kept, as far as the socket takes it.
  void Flush();
  size_t queued_bytes() const { return queue_.size() - begin_; }

 private:
  int fd_;
  std::vector<uint8_t> queue_;
  size_t begin_ = 0;
};

}  // namespace mayfly
