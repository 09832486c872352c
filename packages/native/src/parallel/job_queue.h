// One thread of the process that runs jobs in the order in which they were added.
#pragma once

#include <functional>

namespace mayfly {

class JobQueue {
 public:
  // Called on the queue's thread, one at a time. Must not throw. Throws ERR_NATIVE where the thread cannot be started.
  static void Add(std::function<void()> job);
};

}  // namespace mayfly
