// Notices the exits of children that libuv did not start.
#pragma once

#include <sys/types.h>
#include <uv.h>

#include <functional>
#include <map>
#include <optional>

namespace mayfly {

class Reaper {
 public:
  // Gets the wait status; none if something else in this process reaped the child.
  using OnExit = std::function<void(std::optional<int> status)>;

  explicit Reaper(uv_loop_t* loop) : loop_(loop) {}
  ~Reaper();

  // Calls `on_exit` once, never from within this call. Keeps the loop alive until then.
  void Watch(pid_t pid, OnExit on_exit);

 private:
  struct Handles;
  void Start();
  void Stop();
  // Waits for each of our own children by name: a wait for any would steal those of libuv.
  void Reap();

  uv_loop_t* loop_;
  Handles* handles_ = nullptr;
  std::map<pid_t, OnExit> children_;
};

}  // namespace mayfly
