#include "math/host_pool.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace mayfly {
namespace {

int AvailableThreads() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

struct Shared {
  std::mutex mutex;
  int threads = AvailableThreads();  // guarded by mutex
  std::unique_ptr<ThreadPool> pool;  // guarded by mutex; started by the first use
};

// Never destroyed: another thread may still compute while the process runs its static destructors.
Shared& TheShared() {
  static Shared* shared = new Shared;
  return *shared;
}

}  // namespace

void HostPool::SetThreads(int count) {
  Shared& shared = TheShared();
  std::lock_guard<std::mutex> lock(shared.mutex);
  shared.threads = count;
  if (shared.pool && shared.pool->threads() != count) shared.pool.reset();
}

void HostPool::Use(const std::function<void(ThreadPool&)>& body) {
  Shared& shared = TheShared();
  std::lock_guard<std::mutex> lock(shared.mutex);
  if (!shared.pool) shared.pool = std::make_unique<ThreadPool>(shared.threads);
  body(*shared.pool);
}

}  // namespace mayfly
