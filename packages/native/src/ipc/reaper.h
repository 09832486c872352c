// Reports the exits of children that libuv did not start, and ends them with the environment that started them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>

#include "event_loop.h"

namespace mayfly {

class Reaper {
 public:
  // Gets the wait status, or none if other code of this process has reaped the child.
  using OnExit = std::function<void(std::optional<int> status)>;

  explicit Reaper(EventLoop* loop) : loop_(loop) {}
  Reaper(const Reaper&) = delete;
  Reaper& operator=(const Reaper&) = delete;
  ~Reaper() { End(); }

  // Starts a child and calls `on_exit` once when it has exited, never from within this call. Keeps the loop alive until
  // then. Throws ERR_SPAWN, before `start` is called, where the loop cannot watch for exits.
  pid_t Start(const std::function<pid_t()>& start, OnExit on_exit);
  // Kills every child and reaps it, without calling `on_exit`. After a second, a child that hangs in the kernel is left
  // to the reapers of other environments.
  void End() noexcept;

 private:
  void Listen();
  void StopListening();
  // Waits for each of our children by its id: a wait for any child would reap those of libuv.
  void Reap();

  EventLoop* loop_;
  // SIGCHLD.
  SignalHandle signal_;
  // Looks once after a start, for a child that exited before `signal_` was started.
  AsyncHandle check_;
  std::map<pid_t, OnExit> children_;
};

}  // namespace mayfly
