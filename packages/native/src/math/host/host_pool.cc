#include "math/host/host_pool.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <thread>

#include "parallel/affinity.h"

namespace mayfly {
namespace {

int AvailableThreads() {
  const size_t allowed = AllowedProcessors().size();
  return std::max(1, static_cast<int>(allowed > 0 ? allowed : std::thread::hardware_concurrency()));
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
