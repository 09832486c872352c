// The main process's end of a frame socket: libuv polls it, nothing blocks. Knows nothing of JavaScript.
#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ipc/frame.h"

namespace mayfly {

class Connection {
 public:
  struct Handlers {
    // Called with a body for every batch of events; must call it.
    std::function<void(const std::function<void()>& body)> enter;
    std::function<void(const Frame& frame, const uint8_t* payload)> on_frame;
    // The peer is gone, or `error` says how it broke the protocol. Called once; nothing follows.
    std::function<void(const std::string& error)> on_close;
  };

  // Takes the descriptor over and makes it non-blocking. Throws ERR_CONNECT; the descriptor is the caller's then.
  Connection(uv_loop_t* loop, int fd, Handlers handlers);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Send(const Frame& frame, const void* payload);
  bool is_open() const { return open_; }
  size_t queued_bytes() const { return queue_.size() - queue_begin_; }
  void SetReferenced(bool referenced);
  // Idempotent, also from inside a handler.
  void Close();

 private:
  struct Poll;
  void OnEvents(int status, int events);
  // Whether anything came.
  bool Read();
  void Flush();
  void Watch();
  void Lose(const std::string& error);
  void FreeBuffers();

  int fd_;
  Handlers handlers_;
  Poll* poll_;
  FrameReader reader_;
  std::vector<uint8_t> queue_;
  size_t queue_begin_ = 0;
  bool open_ = true;
  // A frame that is being handled lies in reader_.
  bool reading_ = false;
};

}  // namespace mayfly
