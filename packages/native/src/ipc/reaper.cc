#include "ipc/reaper.h"

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <utility>
#include <vector>

namespace mayfly {

// `signal` tells of exits; `check` looks once after a start, for a child that was gone before we listened.
struct Reaper::Handles {
  uv_signal_t signal;
  uv_async_t check;
  Reaper* owner;
  int open = 2;
};

Reaper::~Reaper() { Stop(); }

void Reaper::Watch(pid_t pid, OnExit on_exit) {
  children_[pid] = std::move(on_exit);
  if (handles_ == nullptr) Start();
  uv_async_send(&handles_->check);
}

void Reaper::Start() {
  handles_ = new Handles{};
  handles_->owner = this;
  handles_->signal.data = handles_->check.data = handles_;
  uv_signal_init(loop_, &handles_->signal);
  uv_signal_start(
      &handles_->signal,
      [](uv_signal_t* handle, int) {
        if (Reaper* owner = static_cast<Handles*>(handle->data)->owner) owner->Reap();
      },
      SIGCHLD);
  uv_async_init(loop_, &handles_->check, [](uv_async_t* handle) {
    if (Reaper* owner = static_cast<Handles*>(handle->data)->owner) owner->Reap();
  });
}

void Reaper::Stop() {
  if (handles_ == nullptr) return;
  handles_->owner = nullptr;
  const auto closed = [](uv_handle_t* handle) {
    auto* handles = static_cast<Handles*>(handle->data);
    if (--handles->open == 0) delete handles;
  };
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->signal), closed);
  uv_close(reinterpret_cast<uv_handle_t*>(&handles_->check), closed);
  handles_ = nullptr;
}

void Reaper::Reap() {
  std::vector<std::pair<OnExit, std::optional<int>>> exits;
  for (auto child = children_.begin(); child != children_.end();) {
    int status = 0;
    const pid_t reaped = waitpid(child->first, &status, WNOHANG);
    const bool lost = reaped < 0 && errno == ECHILD;
    if (reaped != child->first && !lost) {
      ++child;
      continue;
    }
    exits.emplace_back(std::move(child->second), lost ? std::nullopt : std::make_optional(status));
    child = children_.erase(child);
  }
  if (children_.empty()) Stop();
  for (const auto& [on_exit, status] : exits) on_exit(status);
}

}  // namespace mayfly
