// The fast path beside a frame socket: frames without payload go through rings in shared memory, and a byte through a
// pipe, the bell, wakes a side that sleeps. docs/internals/protocol.md is the specification.
#pragma once

#include <cstdint>
#include <memory>

#include "ipc/frame.h"
#include "owned_fd.h"

namespace mayfly {

class Lane {
 public:
  enum class Side { kParent = 0, kWorker = 1 };

  // The descriptors that a worker inherits, in this order.
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

  // The worker's descriptors; the parent closes its copies once the worker has started.
  const Ends& far_ends() const { return far_; }
  void CloseFarEnds() { far_ = Ends(); }
  // Becomes readable when the peer rings; -1 once closed.
  int bell_fd() const { return near_.bell_in.get(); }
  // Ends the exchange; frames that the peer has sent can still be taken.
  void CloseBells() { near_ = Ends(); }

  // Frames pushed into one ring, and taken from the other, so far.
  uint64_t pushed() const { return pushed_; }
  uint64_t taken() const { return taken_; }

  // False when the ring is full.
  bool Push(const Frame& frame);
  // Reads the next frame without taking it. Throws ERR_FRAME if the slot holds no frame.
  bool Peek(Frame* frame) const;
  void Take();
  bool IsEmpty() const;

  // Counts a frame that was sent through the socket; `streamed_by_peer` is the peer's count.
  void CountStreamed();
  uint64_t streamed_by_peer() const;

  // Wakes the peer if it sleeps, and returns whether it did. Call it after pushing everything that the peer should see.
  bool Ring();
  // Marks this side asleep. Frames pushed before this call ring no bell, so check IsEmpty() once more before blocking.
  void FallAsleep();
  void WakeUp();
  // Empties the pipe. False when the peer has closed it. Blocks where the descriptor does.
  bool AnswerBell();

  // Whether the peer was last seen on another processor than this thread's, so that spinning does not slow it down.
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

}  // namespace mayfly
