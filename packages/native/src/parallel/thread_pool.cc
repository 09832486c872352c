#include "parallel/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "parallel/affinity.h"
#include "parallel/pause.h"

namespace mayfly {
namespace {

// Ranges per thread of one call: enough that a thread which the system holds up does not hold up the others for long.
constexpr int64_t kRangesPerThread = 4;

using Clock = std::chrono::steady_clock;

// Spins for a condition that is about to come true: waking a thread takes as long as a small call. Spins for long only
// where the wait before was short, so that threads which share a processor with others soon stop occupying it.
class AdaptiveSpin {
 public:
  template <class Condition>
  void Await(const Condition& condition) {
    constexpr int kTurnsPerLook = 8;
    began_ = Clock::now();
    const auto deadline = began_ + (soon_ ? kMost : kLeast);
    do {
      for (int i = 0; i < kTurnsPerLook; ++i) {
        if (condition()) return;
        Pause();
      }
    } while (Clock::now() < deadline);
  }

  // Of the wait that Await began: when the condition came true, whether a spinning thread or a sleeping one saw it.
  void CameTrue(Clock::time_point when) { soon_ = when - began_ < kMost; }

 private:
  static constexpr std::chrono::microseconds kMost{50}, kLeast{1};

  bool soon_ = true;
  Clock::time_point began_{};
};

struct Job {
  Job(int64_t count, int64_t range, FunctionRef<void(int64_t, int64_t)> body)
      : count(count), range(range), body(body) {}

  const int64_t count;
  const int64_t range;
  const FunctionRef<void(int64_t, int64_t)> body;
  std::atomic<int64_t> next{0};
  std::mutex failure_mutex;
  std::exception_ptr failure;  // guarded by failure_mutex

  void Work() {
    for (;;) {
      const int64_t begin = next.fetch_add(range, std::memory_order_relaxed);
      if (begin >= count) return;
      try {
        body(begin, std::min(begin + range, count));
      } catch (...) {
        next.store(count, std::memory_order_relaxed);
        std::lock_guard<std::mutex> lock(failure_mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  }
};

// Which helper is on which processor. Used by the caller only, but for LeaveCaller.
class Placement {
 public:
  // Places nothing unless there is a processor for each thread, the caller included, and none is left over.
  void Start(std::vector<std::thread>* helpers) {
    helpers_ = helpers;
    processors_ = AllowedProcessors();
    if (processors_.size() != helpers->size() + 1) processors_.clear();
  }

  // Makes sure that no helper is on the caller's processor. Where other programs leave the caller too little time, the
  // system chooses: a helper that must not move would hold a processor that the caller could have. Helpers are then
  // only to leave the caller's processor, which the system would let them share for milliseconds.
  void FreeCallersProcessor() {
    if (processors_.empty()) return;
    const int processor = CurrentProcessor();
    const bool left = IsLeftToTheSystem();
    to_leave_.store(left ? processor : kNone, std::memory_order_relaxed);
    const auto at = std::find(processors_.begin(), processors_.end(), processor);
    if (left || at == processors_.end()) return;
    // The first processor is the caller's, helper i has processor i + 1.
    if (!placed_) {
      std::iter_swap(processors_.begin(), at);
      for (size_t i = 0; i < helpers_->size(); ++i) Place(i);
      placed_ = true;
    } else if (at != processors_.begin()) {
      std::iter_swap(processors_.begin(), at);
      Place(static_cast<size_t>(at - processors_.begin()) - 1);
    }
  }

  // Called by a helper that has work: moves it where it shares the caller's processor and may leave it.
  void LeaveCaller() const {
    const int processor = to_leave_.load(std::memory_order_relaxed);
    if (processor == kNone || CurrentProcessor() != processor) return;
    std::vector<int> others;
    std::copy_if(processors_.begin(), processors_.end(), std::back_inserter(others),
                 [&](int other) { return other != processor; });
    KeepOn(pthread_self(), others);
    KeepOn(pthread_self(), processors_);
  }

 private:
  static constexpr int kNone = -1;

  // The caller must have waited for a processor for a quarter of the time between two looks.
  static constexpr std::chrono::milliseconds kLook{20}, kRelease{500};

  bool IsLeftToTheSystem() {
    const auto now = Clock::now();
    if (now < next_look_) return left_;
    const auto waited = TimeWithoutProcessor();
    left_ = !left_ && 4 * (waited - waited_) > now - looked_;
    if (left_ && placed_) {
      for (std::thread& helper : *helpers_) KeepOn(helper.native_handle(), processors_);
      placed_ = false;
    }
    looked_ = now;
    waited_ = waited;
    next_look_ = now + (left_ ? kRelease : kLook);
    return left_;
  }

  void Place(size_t helper) { KeepOn((*helpers_)[helper].native_handle(), {processors_[helper + 1]}); }

  std::vector<std::thread>* helpers_ = nullptr;
  std::vector<int> processors_;
  std::atomic<int> to_leave_{kNone};
  bool placed_ = false;
  bool left_ = false;
  Clock::time_point looked_{}, next_look_{};
  std::chrono::nanoseconds waited_{};
};

}  // namespace

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable idle;
  Job* job = nullptr;             // guarded by mutex
  Clock::time_point offered{};    // when there was a job; guarded by mutex
  Clock::time_point finished{};   // when the last helper left one; guarded by mutex
  std::atomic<int> vacancies{0};  // helpers that may still join the job; written under mutex
  std::atomic<int> working{0};    // helpers that have joined it; written under mutex
  int sleeping = 0;               // guarded by mutex
  bool stopping = false;          // guarded by mutex
  std::vector<std::thread> helpers;
  AdaptiveSpin callers_spin;
  Placement placement;

  void Serve() {
    PrepareThisThread("mayfly-math");
    AdaptiveSpin spin;
    for (;;) {
      spin.Await([&] { return vacancies > 0; });
      std::unique_lock<std::mutex> lock(mutex);
      ++sleeping;
      wake.wait(lock, [&] { return stopping || vacancies > 0; });
      --sleeping;
      if (stopping) return;
      spin.CameTrue(offered);
      --vacancies;
      ++working;
      Job* const joined = job;
      lock.unlock();
      placement.LeaveCaller();
      joined->Work();
      lock.lock();
      if (working == 1) finished = Clock::now();
      if (--working == 0) idle.notify_one();
    }
  }

  // Offers the job to `wanted` helpers. Those that are awake will see it; the others are woken as far as needed.
  void Offer(Job* next, int wanted) {
    int asleep;
    {
      std::lock_guard<std::mutex> lock(mutex);
      job = next;
      offered = Clock::now();
      vacancies = wanted;
      asleep = sleeping;
    }
    const int needed = wanted - (static_cast<int>(helpers.size()) - asleep);
    if (needed >= asleep) {
      if (asleep > 0) wake.notify_all();
    } else {
      for (int i = 0; i < needed; ++i) wake.notify_one();
    }
  }

  // Returns when every helper that has joined the job has left it, and no other can join it.
  void Withdraw() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      job = nullptr;
      vacancies = 0;
    }
    callers_spin.Await([&] { return working == 0; });
    std::unique_lock<std::mutex> lock(mutex);
    idle.wait(lock, [&] { return working == 0; });
    callers_spin.CameTrue(finished);
  }

  void Stop() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      stopping = true;
    }
    wake.notify_all();
    for (std::thread& helper : helpers) helper.join();
    helpers.clear();
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  try {
    for (int i = 1; i < threads; ++i) state_->helpers.emplace_back([state = state_.get()] { state->Serve(); });
    state_->placement.Start(&state_->helpers);
  } catch (...) {
    state_->Stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { state_->Stop(); }

int ThreadPool::threads() const { return static_cast<int>(state_->helpers.size()) + 1; }

void ThreadPool::ParallelFor(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  if (state_->helpers.empty() || count <= grain) return body(0, count);
  const int64_t grains = (count + grain - 1) / grain;
  const int64_t most = std::min(grains, threads() * kRangesPerThread);
  const int64_t range = (grains + most - 1) / most * grain;
  const int64_t ranges = (count + range - 1) / range;
  Job job(count, range, body);
  state_->placement.FreeCallersProcessor();
  state_->Offer(&job, static_cast<int>(std::min<int64_t>(ranges, threads()) - 1));
  job.Work();
  state_->Withdraw();
  if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace mayfly
