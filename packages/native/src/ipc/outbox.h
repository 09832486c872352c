// Writes frames to a non-blocking socket and keeps, in order, what the socket does not take at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "ipc/frame.h"

namespace mayfly {

class Outbox {
 public:
  // Does not own the descriptor.
  explicit Outbox(int fd) : fd_(fd) {}

  void Send(const Frame& frame, const void* payload);
  // Sends as much of the kept bytes as the socket takes.
  void Flush();
  size_t queued_bytes() const { return queue_.size() - begin_; }

 private:
  int fd_;
  std::vector<uint8_t> queue_;
  size_t begin_ = 0;
};

}  // namespace mayfly
