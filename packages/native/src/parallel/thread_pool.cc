#include "parallel/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "parallel/affinity.h"

namespace mayfly {
namespace {

// Ranges per thread of one call: enough that a thread which the system holds up does not hold up the others for long.
constexpr int64_t kRangesPerThread = 4;

// Waits a while for what is due to happen soon, without sleeping: waking a thread takes as long as a small call. Every
// wait in vain halves the next one, so that threads which share a processor with others soon stop holding it.
class Patience {
 public:
  template <class Condition>
  void Await(const Condition& condition) {
    for (int i = 0; i < turns_; ++i) {
      if (condition()) {
        turns_ = kMostTurns;
        return;
      }
      Pause();
    }
    turns_ = std::max(turns_ / 2, kLeastTurns);
  }

 private:
  // About 20 and 1 microseconds.
  static constexpr int kMostTurns = 1024, kLeastTurns = 64;

  static void Pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
  }

  int turns_ = kMostTurns;
};

struct Job {
  int64_t count;
  int64_t range;
  const std::function<void(int64_t, int64_t)>* body;
  std::atomic<int64_t> next{0};
  std::mutex failure_mutex;
  std::exception_ptr failure;

  void Work() {
    for (;;) {
      const int64_t begin = next.fetch_add(range, std::memory_order_relaxed);
      if (begin >= count) return;
      try {
        (*body)(begin, std::min(begin + range, count));
      } catch (...) {
        next.store(count, std::memory_order_relaxed);
        std::lock_guard<std::mutex> lock(failure_mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  }
};

void NameThisThread() {
#ifdef __APPLE__
  pthread_setname_np("mayfly-math");
#else
  pthread_setname_np(pthread_self(), "mayfly-math");
#endif
}

}  // namespace

struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable wake;
  std::condition_variable idle;
  Job* job = nullptr;                   // guarded by mutex; null once the caller has seen its last range taken
  std::atomic<uint64_t> generation{0};  // written under mutex
  std::atomic<int> working{0};          // written under mutex
  bool stopping = false;                // guarded by mutex
  std::vector<std::thread> threads;
  Patience patience;            // the caller's
  std::vector<int> processors;  // of a pool that has a thread for each; else empty
  int callers_processor = -1;

  // Schedulers leave two busy threads on one processor beside an idle one for longer than a loop takes. A pool as wide
  // as the machine therefore keeps its threads on one processor each, none on the caller's.
  void Spread() {
    const int current = CurrentProcessor();
    if (current == callers_processor) return;
    callers_processor = current;
    const auto at = std::find(processors.begin(), processors.end(), current);
    if (at == processors.end()) return;
    size_t next = at - processors.begin();
    for (std::thread& thread : threads) KeepOn(thread.native_handle(), processors[++next % processors.size()]);
  }

  void Serve() {
    NameThisThread();
    Patience own_patience;
    uint64_t seen = 0;
    for (;;) {
      own_patience.Await([&] { return generation != seen; });
      std::unique_lock<std::mutex> lock(mutex);
      wake.wait(lock, [&] { return stopping || generation != seen; });
      if (stopping) return;
      seen = generation;
      if (job == nullptr) continue;  // woke after the others had finished
      Job* current = job;
      ++working;
      lock.unlock();
      current->Work();
      lock.lock();
      if (--working == 0) idle.notify_one();
    }
  }

  void Stop() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      stopping = true;
    }
    wake.notify_all();
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  try {
    for (int i = 1; i < threads; ++i) state_->threads.emplace_back([state = state_.get()] { state->Serve(); });
    state_->processors = AllowedProcessors();
    if (static_cast<int>(state_->processors.size()) != threads) state_->processors.clear();
  } catch (...) {
    state_->Stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { state_->Stop(); }

int ThreadPool::threads() const { return static_cast<int>(state_->threads.size()) + 1; }

void ThreadPool::ParallelFor(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body) {
  if (count <= 0) return;
  grain = std::max<int64_t>(grain, 1);
  if (state_->threads.empty() || count <= grain) return body(0, count);
  const int64_t grains = (count + grain - 1) / grain;
  const int64_t ranges = std::min(grains, threads() * kRangesPerThread);
  Job job;
  job.count = count;
  job.range = (grains + ranges - 1) / ranges * grain;
  job.body = &body;
  if (!state_->processors.empty()) state_->Spread();
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->job = &job;
    ++state_->generation;
  }
  state_->wake.notify_all();
  job.Work();
  {
    std::lock_guard<std::mutex> lock(state_->mutex);
    state_->job = nullptr;
  }
  state_->patience.Await([&] { return state_->working == 0; });
  {
    std::unique_lock<std::mutex> lock(state_->mutex);
    state_->idle.wait(lock, [&] { return state_->working == 0; });
  }
  if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace mayfly
