// Host math that a JavaScript environment has queued, as promises.
#pragma once

#include <napi.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "event_loop.h"
#include "parallel/thread_pool.h"
#include "pending_promises.h"

namespace mayfly {

class MathQueue {
 public:
  // Returns what the call answers: a number, or nothing. It holds no JavaScript value.
  using Work = std::function<std::optional<double>(ThreadPool&)>;

  explicit MathQueue(EventLoop* loop) : promises_(loop, "for the ends of host math", "mayfly.math") {}
  MathQueue(const MathQueue&) = delete;
  MathQueue& operator=(const MathQueue&) = delete;

  using Clock = std::chrono::steady_clock;

  // When the queue's thread was busy with one call.
  struct Span {
    const char* name;
    Clock::time_point began, ended;
  };

  // Queues `work` behind what any environment of the process has queued with the same rank or a lower one. The promise
  // keeps the event loop alive, and is rejected with the error that `work` throws. `name` lives as long as the process.
  napi_value Add(Napi::Env env, const char* name, Work work);

  // Of calls that are queued from now on. Default: 0.
  void Rank(uint32_t rank) { rank_ = rank; }

  // Whether calls that are queued from now on are timed. Without that the clock is not read.
  void Time(bool on) { timed_ = on; }
  // The timed calls that were settled since the last time, in the order of the queue.
  std::vector<Span> TakeSpans() { return std::exchange(spans_, {}); }

  // Drops the work that has not begun; no promise is settled any more. Work that has begun ends by itself, on memory
  // that it holds.
  void End() noexcept { promises_.End(); }

 private:
  struct Job;

  PendingPromises promises_;
  uint32_t rank_ = 0;
  bool timed_ = false;
  std::vector<Span> spans_;
};

}  // namespace mayfly
