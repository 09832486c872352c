// The worker's end of a frame socket and of the lane beside it: answers dispatches until a control message comes.
// Blocks its thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "device/session.h"
#include "ipc/frame.h"
#include "ipc/inbox.h"
#include "ipc/lane.h"
#include "owned_fd.h"

namespace mayfly {

class ServeLoop {
 public:
  // Takes the descriptor over. `lane` may be null.
  ServeLoop(int fd, std::shared_ptr<Lane> lane, std::shared_ptr<DeviceSession> session);
  ServeLoop(const ServeLoop&) = delete;
  ServeLoop& operator=(const ServeLoop&) = delete;

  // False at the end of the stream: the parent closed it or died. Throws ERR_FRAME.
  bool Serve(std::vector<uint8_t>* control);
  void Send(const uint8_t* payload, size_t bytes);

 private:
  using Clock = std::chrono::steady_clock;

  void Answer(const Frame& dispatch, const uint8_t* payload);
  void Prefetch(const Frame& frame, const uint8_t* payload);
  // Sets the offsets and the reuse of a dispatch or prefetch. Throws ERR_ARENA_BOUNDS.
  void ReadInput(const Frame& frame, const uint8_t* payload);
  void Write(const Frame& frame, const void* payload);
  void Ring();
  void WriteToSocket(const Frame& frame, const void* payload);
  // Returns when there may be something to read; false at the end of the stream.
  bool Wait();
  bool ReadSocket();
  void Sleep();
  // Whether something came while spinning.
  bool Spin(Clock::time_point begin);

  OwnedFd fd_;
  std::shared_ptr<Lane> lane_;
  std::shared_ptr<DeviceSession> session_;
  Inbox inbox_;
  // Of the frame under way; kept for their memory.
  std::vector<uint64_t> offsets_;
  ReuseRanges reuse_;
  std::vector<uint8_t> out_;
  // Frames sent through the socket.
  uint64_t streamed_ = 0;
  // Device time of the answers since the parent was last rung.
  std::chrono::nanoseconds unrung_{0};
  bool parent_rings_ = true;
  // The last wait was so short that the next one is worth spinning for.
  bool busy_ = false;
};

}  // namespace mayfly
