// A small fork-join pool. Threads block between calls, after a short wait for the next; the caller works too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

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
  void ParallelFor(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mayfly
