// The thread pools of a process's host math.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "parallel/thread_pool.h"

namespace mayfly {

class HostPool {
 public:
  // Of calls that compute before they return, and of the queue, whose jobs those must not wait for.
  static HostPool& OfCalls();
  static HostPool& OfQueue();
  // Threads of each pool from its next use on, the caller included. Default: those that the system offers.
  static void SetThreads(int count);

  // Uses by several threads of the process run one after the other.
  void Use(const std::function<void(ThreadPool&)>& body);

 private:
  std::mutex mutex_;
  std::unique_ptr<ThreadPool> pool_;  // guarded by mutex_; started by the first use
};

}  // namespace mayfly
