// The main process's end of a frame socket and of the lane beside it: libuv polls both, nothing blocks. Knows nothing
// of JavaScript.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>

#include "ipc/alarm.h"
#include "ipc/event_loop.h"
#include "ipc/forecast.h"
#include "ipc/frame.h"
#include "ipc/inbox.h"
#include "ipc/lane.h"
#include "ipc/outbox.h"

namespace mayfly {

class Connection {
 public:
  struct Handlers {
    // Called with a body for every batch of events; must call it. No handler may destroy the connection.
    std::function<void(const std::function<void()>& body)> enter;
    std::function<void(const Frame& frame, const uint8_t* payload)> on_frame;
    // The peer is gone, or `error` says how it broke the protocol. Called once; nothing follows.
    std::function<void(const std::string& error)> on_close;
  };

  // Takes the descriptor over and makes it non-blocking. `lane` may be null. Throws ERR_CONNECT; the descriptor is the
  // caller's then.
  Connection(EventLoop* loop, int fd, std::shared_ptr<Lane> lane, Handlers handlers);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Send(const Frame& frame, const void* payload);
  bool is_open() const { return open_; }
  size_t queued_bytes() const { return outbox_.queued_bytes(); }
  // While referenced, or with a dispatch unanswered, it keeps the event loop alive.
  void SetReferenced(bool referenced);
  // Idempotent, also from inside a handler.
  void Close();

 private:
  void Stream(const Frame& frame, const void* payload);
  void OnSocket(int status, int events);
  // Whether anything came.
  bool Read();
  // Runs `body` as one batch of events.
  void Turn(const std::function<void()>& body);
  // Handles all frames that are there.
  void Drain();
  void StopReading();
  void Watch();
  void NoteAnswer(uint64_t nanoseconds);
  void KeepLoopAlive();
  // In connection_look.cc.
  void WatchLane();
  void RingAfterSend();
  void Ring();
  void StartLooking();
  void StopLooking();
  void Look();
  bool MaySpin();
  void SetAlarm();
  bool OpenAlarm();
  void Lose(const std::string& error);
  void FreeBuffers();

  EventLoop* loop_;
  OwnedFd fd_;
  std::shared_ptr<Lane> lane_;
  Handlers handlers_;
  Alarm alarm_;
  // Declared after the descriptors that they watch: libuv must let go of one before it is closed.
  PollHandle socket_watch_;
  PollHandle bell_watch_;
  PollHandle alarm_watch_;
  // `look_` looks for answers before each poll of the loop, `awake_` keeps the loop from blocking in it meanwhile.
  PrepareHandle look_;
  IdleHandle awake_;
  Inbox inbox_;
  Outbox outbox_;
  bool open_ = true;
  bool referenced_ = false;
  // A frame that is being handled lies in inbox_.
  bool reading_ = false;
  // Frames sent through the socket.
  uint64_t streamed_ = 0;
  // Dispatches without an answer.
  uint64_t in_flight_ = 0;
  // The device's time for the last of them, in nanoseconds.
  uint64_t last_evaluation_ = 0;
  bool in_turn_ = false;
  // Sends of a turn ring once, at its end.
  bool bell_due_ = false;
  // The event loop looks for answers before it sleeps: the worker need not ring.
  bool looking_ = false;
  // When spinning ends, unless something comes before.
  uint64_t patience_ = 0;
  // When the only dispatch without an answer was sent.
  uint64_t sent_at_ = 0;
  Forecast forecast_;
  // The alarm went off, and the answer to a long evaluation is looked for.
  bool expecting_ = false;
};

}  // namespace mayfly
