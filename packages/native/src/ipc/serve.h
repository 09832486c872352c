// The worker's end of a frame socket and of the lane beside it: answers dispatches until a control message comes.
// Blocks its thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
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
  // Waits for outputs that are pending.
  ~ServeLoop();

  // False at the end of the stream: the parent closed it or died. Throws ERR_FRAME.
  bool Serve(std::vector<uint8_t>* control);
  void Send(const uint8_t* payload, size_t bytes);

 private:
  using Clock = std::chrono::steady_clock;

  void Answer(const Frame& dispatch, const uint8_t* payload);
  // Answers a dispatch once the rest of its output is written.
  void AnswerLater(const Frame& answer, size_t leading_rows, const std::shared_ptr<PendingOutput>& pending);
  // Waits until no answer is left to another thread, and gives those that another thread could not.
  void Settle();
  void Prefetch(const Frame& frame, const uint8_t* payload);
  // Sets the offsets and the reuse of a dispatch or prefetch. Throws ERR_ARENA_BOUNDS.
  void ReadInput(const Frame& frame, const uint8_t* payload);
  void Write(const Frame& frame, const void* payload);
  // Until all pending outputs are written or a frame comes, and says whether one did.
  bool SpinWhilePending();
  void Ring();
  // Both of them with the lock.
  void Push(const Frame& frame, const void* payload);
  void RingNow();
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
  // Of whoever sends: this thread, and those that write pending outputs.
  std::mutex mutex_;
  std::condition_variable settled_;
  struct Unanswered {
    Frame answer;
    std::shared_ptr<PendingOutput> output;
  };
  // Answers left to others.
  size_t pending_ = 0;  // guarded by mutex_
  // Of these, the first whose output another thread could not write, and those that come after it.
  std::vector<Unanswered> failed_;  // guarded by mutex_
  std::vector<uint8_t> out_;        // guarded by mutex_
  // Frames sent through the socket.
  uint64_t streamed_ = 0;  // guarded by mutex_
  // Device time of the answers since the parent was last rung.
  std::chrono::nanoseconds unrung_{0};  // guarded by mutex_
  bool parent_rings_ = true;
  // The last wait was so short that the next one is worth spinning for.
  bool busy_ = false;
};

}  // namespace mayfly
