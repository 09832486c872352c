// One thread of the process that runs jobs in the order in which they were added.
#pragma once

#include <functional>

namespace mayfly {

class JobQueue {
 public:
  // Called on the queue's thread, one at a time. Must not throw. Throws ERR_NATIVE where the thread cannot be started.
  static void Add(std::function<void()> job);
  // Waits for the jobs that were added so far. Not to be called by a job. Throws as Add.
  static void Finish();
};

}  // namespace mayfly
