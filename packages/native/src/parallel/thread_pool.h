// A small fork-join pool. Its threads block between calls, after a short wait for the next one; the caller works too.
//
// It is meant for 4 to 64 processors, which leaves two costs to bound. Waking: a thread that sleeps costs its waker a
// system call of about a microsecond, so a call wakes no more threads than it has ranges for, and none that is still
// awake. Placing: a thread that shares the caller's processor while another is idle doubles the time of a loop, so a
// pool as wide as the machine keeps each thread on a processor of its own. Each thread is placed once; when the caller
// is found on the processor of one of them, that thread alone moves, to the processor that nobody has: one system call,
// whatever the width.
#pragma once

#include <cstdint>
#include <memory>

#include "function_ref.h"

namespace mayfly {

class ThreadPool {
 public:
  // `threads` counts the caller, so 1 starts none. Started threads are named and joined in the destructor.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  // Calls body(begin, end) on disjoint ranges that cover [0, count), each a multiple of `grain` long but the last.
  // The split must not change any result: a body computes each output element from start to end by itself.
  // Returns when all are done; the first exception of a body is rethrown here. Not reentrant.
  void ParallelFor(int64_t count, int64_t grain, FunctionRef<void(int64_t, int64_t)> body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mayfly
