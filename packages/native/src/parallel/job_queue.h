// One thread of the process that runs jobs by rank, and those of one rank in the order in which they were added.
#pragma once

#include <cstdint>
#include <functional>

namespace mayfly {

class JobQueue {
 public:
  // Called on the queue's thread, one at a time, once no other job of a lower rank waits. Must not throw. Throws
  // ERR_NATIVE where the thread cannot be started.
  static void Add(std::function<void()> job, uint32_t rank = 0);
  // Waits for the jobs that were added so far. Not to be called by a job. Throws as Add.
  static void Finish();
};

}  // namespace mayfly
