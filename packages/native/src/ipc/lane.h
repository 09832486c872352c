// The quick way beside a frame socket: frames without payload go through rings in shared memory, and a byte through a
// pipe wakes a side that sleeps. docs/protocol.md is the specification.
#pragma once

#include <cstdint>
#include <memory>

#include "ipc/frame.h"
#include "owned_fd.h"

namespace mayfly {

class Lane {
 public:
  enum class Side { kParent = 0, kWorker = 1 };

  // What a worker inherits of a lane, in the order of its descriptors.
  struct Ends {
    OwnedFd memory, bell_in, bell_out;
  };

  // The parent's side. Throws ERR_SPAWN.
  static std::shared_ptr<Lane> Create();
  // The worker's side; takes the descriptors over. Throws ERR_FRAME.
  static std::shared_ptr<Lane> Attach(Ends ends);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // What a worker is to inherit; the parent's copies are closed once it has.
  const Ends& far_ends() const { return far_; }
  void CloseFarEnds() { far_ = Ends(); }
  // Becomes readable when the peer rings; -1 once closed.
  int bell_fd() const { return near_.bell_in.get(); }
  // From here on nothing more comes or goes; what the peer has sent can still be taken.
  void CloseBells() { near_ = Ends(); }

  // Frames given to the ring, and taken from it, so far.
  uint64_t pushed() const { return pushed_; }
  uint64_t taken() const { return taken_; }

  // False when the ring is full.
  bool Push(const Frame& frame);
  // The next frame, left where it is. Throws ERR_FRAME on one that is none.
  bool Peek(Frame* frame) const;
  void Take();
  bool IsEmpty() const;

  // Counts a frame that was sent through the socket; `streamed_by_peer` is the peer's count.
  void CountStreamed();
  uint64_t streamed_by_peer() const;

  // Wakes the peer if it sleeps; whether it did. To be called after everything that it should see.
  bool Ring();
  // From now on the peer rings. What came before that is not rung for: look once more before sleeping.
  void FallAsleep();
  void WakeUp();
  // Takes the bells from the pipe. False when the peer has closed it. Blocks or not as the descriptor does.
  bool AnswerBell();

  // Whether the peer was last seen on another processor than this thread is on, so that spinning costs it nothing.
  bool PeerIsElsewhere();

 private:
  struct Direction;
  struct Memory;
  Lane(int memory, Side side);
  Direction& out() const;
  Direction& in() const;

  Memory* shared_;
  Side side_;
  Ends near_;
  Ends far_;
  uint64_t pushed_ = 0;
  uint64_t taken_ = 0;
};

// Tells the processor that this is a loop that waits.
inline void Relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace mayfly
