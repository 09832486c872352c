#include "ipc/reaper.h"

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

namespace mayfly {
namespace {

constexpr std::chrono::seconds kEndPatience{1};
constexpr std::chrono::milliseconds kEndPause{1};

// Children that outlived their environment. The next reaper of this process that looks reaps them.
std::mutex orphans_mutex;
std::map<pid_t, Reaper::OnExit> orphans;

// Whether the child is gone. Sets `status` unless other code has reaped it.
bool IsGone(pid_t pid, std::optional<int>* status) {
  int wait_status = 0;
  pid_t reaped;
  do {
    reaped = waitpid(pid, &wait_status, WNOHANG);
  } while (reaped < 0 && errno == EINTR);
  if (reaped == pid) *status = wait_status;
  return reaped != 0;
}

void ReapOrphans() {
  const std::lock_guard<std::mutex> lock(orphans_mutex);
  for (auto orphan = orphans.begin(); orphan != orphans.end();) {
    std::optional<int> ignored;
    orphan = IsGone(orphan->first, &ignored) ? orphans.erase(orphan) : std::next(orphan);
  }
}

}  // namespace

pid_t Reaper::Start(const std::function<pid_t()>& start, OnExit on_exit) {
  Listen();
  // Everything that can fail comes before the start, so that no child is left without somebody who waits for it.
  std::map<pid_t, OnExit> made;
  made.emplace(0, std::move(on_exit));
  pid_t pid;
  try {
    pid = start();
  } catch (...) {
    if (children_.empty()) StopListening();
    throw;
  }
  auto child = made.extract(made.begin());
  child.key() = pid;
  children_.insert(std::move(child));
  uv_async_send(check_.get());
  return pid;
}

void Reaper::Listen() {
  if (signal_.is_open()) return;
  SignalHandle signal(loop_, "ERR_SPAWN", "the exits of workers", uv_signal_init, [this](int) { Reap(); });
  AsyncHandle check(
      loop_, "ERR_SPAWN", "the exits of workers",
      [](uv_loop_t* loop, uv_async_t* handle) { return uv_async_init(loop, handle, AsyncHandle::Entry); },
      [this] { Reap(); });
  const int status = uv_signal_start(signal.get(), SignalHandle::Entry, SIGCHLD);
  if (status != 0) loop_->Refuse("ERR_SPAWN", "the exits of workers", status);
  signal_ = std::move(signal);
  check_ = std::move(check);
}

void Reaper::StopListening() {
  signal_.Close();
  check_.Close();
}

void Reaper::Reap() {
  ReapOrphans();
  // Nodes are moved, not copied: an allocation could fail after a child was reaped.
  std::map<pid_t, OnExit> gone;
  std::map<pid_t, std::optional<int>> statuses;
  for (const auto& [pid, on_exit] : children_) statuses[pid];
  for (auto& [pid, status] : statuses) {
    if (IsGone(pid, &status)) gone.insert(children_.extract(pid));
  }
  if (children_.empty()) StopListening();
  for (const auto& [pid, on_exit] : gone) {
    loop_->Run([&on_exit = on_exit, &status = statuses[pid]] { on_exit(status); });
  }
}

void Reaper::End() noexcept {
  StopListening();
  for (const auto& [pid, on_exit] : children_) kill(pid, SIGKILL);
  const auto deadline = std::chrono::steady_clock::now() + kEndPatience;
  for (;;) {
    for (auto child = children_.begin(); child != children_.end();) {
      std::optional<int> ignored;
      child = IsGone(child->first, &ignored) ? children_.erase(child) : std::next(child);
    }
    if (children_.empty() || std::chrono::steady_clock::now() > deadline) break;
    std::this_thread::sleep_for(kEndPause);
  }
  const std::lock_guard<std::mutex> lock(orphans_mutex);
  while (!children_.empty()) {
    auto child = children_.extract(children_.begin());
    // Its captures belong to the environment that ends.
    child.mapped() = nullptr;
    orphans.insert(std::move(child));
  }
}

}  // namespace mayfly
