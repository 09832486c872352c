// The one thread pool of a process's host math.
#pragma once

#include <functional>

#include "parallel/thread_pool.h"

namespace mayfly {

class HostPool {
 public:
  // Threads from the next call on, the caller included. Default: those that the system offers.
  static void SetThreads(int count);
  // Calls of several threads of the process run one after the other.
  static void Use(const std::function<void(ThreadPool&)>& body);
};

}  // namespace mayfly
