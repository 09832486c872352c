// The main process's end of a frame socket and of the lane beside it: frames out, frames in. libuv polls both, nothing
// blocks. Knows nothing of JavaScript.
#pragma once

#include <uv.h>

#include <memory>
#include <optional>
#include <string>

#include "event_loop.h"
#include "function_ref.h"
#include "ipc/frame.h"
#include "ipc/inbox.h"
#include "ipc/lane.h"
#include "ipc/lane_watch.h"
#include "ipc/outbox.h"

namespace mayfly {

class Connection {
 public:
  // The connection's owner, which must not destroy it from within these functions.
  class Handler {
   public:
    virtual ~Handler() = default;
    // Must call `turn`, which handles everything that has come: OnFrame for each frame, and OnClose at the end.
    virtual void OnTurn(FunctionRef<void()> turn) = 0;
    virtual void OnFrame(const Frame& frame, const uint8_t* payload) = 0;
    // The peer is gone or, where `error` is not empty, has broken the protocol in this way. Called once, as the last.
    virtual void OnClose(const std::string& error) = 0;
  };

  // Takes the descriptor over and makes it non-blocking. `lane` may be null. Throws ERR_CONNECT; the descriptor is the
  // caller's then.
  Connection(EventLoop* loop, int fd, std::shared_ptr<Lane> lane, Handler* handler);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Send(const Frame& frame, const void* payload);
  bool is_open() const { return open_; }
  size_t queued_bytes() const { return outbox_.queued_bytes(); }
  // The event loop stays alive while the connection is referenced or a dispatch has no answer.
  void SetReferenced(bool referenced);
  // Idempotent, also from within the handler's functions. Does not call OnClose.
  void Close();

 private:
  void Stream(const Frame& frame, const void* payload);
  void OnSocket(int status, int events);
  // Whether anything came.
  bool Read();
  // Runs `body` as one turn of the handler.
  void Turn(FunctionRef<void()> body);
  // Handles all frames that are there.
  void Drain();
  void StopReading();
  void WatchSocket();
  void CountAnswer(uint64_t nanoseconds);
  void KeepLoopAlive();
  void Lose(const std::string& error);
  void FreeBuffers();

  OwnedFd fd_;
  std::shared_ptr<Lane> lane_;
  Handler* handler_;
  // Declared after the descriptor that it watches: libuv must let go of it before it is closed.
  PollHandle socket_watch_;
  // None without a lane.
  std::optional<LaneWatch> lane_watch_;
  Inbox inbox_;
  Outbox outbox_;
  bool open_ = true;
  bool referenced_ = false;
  bool in_turn_ = false;
  // A frame that is being handled lies in inbox_.
  bool reading_ = false;
  // Frames sent through the socket.
  uint64_t streamed_ = 0;
  // Dispatches without an answer.
  uint64_t in_flight_ = 0;
};

}  // namespace mayfly
