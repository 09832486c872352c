// Notices the exits of children that libuv did not start, and ends them with the environment that started them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>

#include "ipc/event_loop.h"

namespace mayfly {

class Reaper {
 public:
  // Gets the wait status; none if something else in this process reaped the child.
  using OnExit = std::function<void(std::optional<int> status)>;

  explicit Reaper(EventLoop* loop) : loop_(loop) {}
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;
  ~Reaper() { End(); }

  // Starts a child and calls `on_exit` once when it has exited, never from within this call. Keeps the loop alive until
  // then. Where exits could not be seen, throws ERR_SPAWN before `start` is called.
  pid_t Start(const std::function<pid_t()>& start, OnExit on_exit);
  // Kills every child and reaps it; nobody is told. One that hangs in the kernel is left to the reapers of other
  // environments after a second.
  void End() noexcept;

 private:
  void Listen();
  void StopListening();
  // Waits for each of our own children by name: a wait for any would steal those of libuv.
  void Reap();

  EventLoop* loop_;
  // Tells of exits.
  SignalHandle signal_;
  // Looks once after a start, for a child that was gone before we listened.
  AsyncHandle check_;
  std::map<pid_t, OnExit> children_;
};

}  // namespace mayfly
