// Frames of one direction in the order in which they were sent, whether they came through the socket or the lane.
#pragma once

#include <cstdint>
#include <memory>

#include "ipc/frame.h"
#include "ipc/lane.h"

namespace mayfly {

class Inbox {
 public:
  // Payloads of more than `most` bytes are refused.
  explicit Inbox(std::shared_ptr<Lane> lane, uint32_t most = kMaxPayloadBytes)
      : lane_(std::move(lane)), reader_(most) {}

  // Takes the bytes that are read from the socket.
  FrameReader& stream() { return reader_; }
  // The next frame, if there is one. Its payload stays valid until more bytes are read from the socket. Throws
  // ERR_FRAME on a broken stream.
  bool Next(Frame* frame, const uint8_t** payload);
  // Whether the next frame comes, wholly or in part, through the socket.
  bool ExpectsStream() const { return lane_ == nullptr || lane_->streamed_by_peer() > streamed_; }

 private:
  std::shared_ptr<Lane> lane_;
  FrameReader reader_;
  // Frames taken from the socket so far.
  uint64_t streamed_ = 0;
  // A frame of the socket that waits for frames of the lane that were sent before it.
  bool held_ = false;
  Frame frame_;
  const uint8_t* payload_ = nullptr;
};

}  // namespace mayfly
