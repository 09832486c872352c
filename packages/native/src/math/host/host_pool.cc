#include "math/host/host_pool.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "parallel/affinity.h"

namespace mayfly {
namespace {

int AvailableThreads() {
  const size_t allowed = AllowedProcessors().size();
  return std::max(1, static_cast<int>(allowed > 0 ? allowed : std::thread::hardware_concurrency()));
}

std::atomic<int>& Threads() {
  static std::atomic<int> threads{AvailableThreads()};
  return threads;
}

}  // namespace

// Never destroyed: another thread may still compute while the process runs its static destructors.
HostPool& HostPool::OfCalls() {
  static HostPool* pool = new HostPool;
  return *pool;
}

HostPool& HostPool::OfQueue() {
  static HostPool* pool = new HostPool;
  return *pool;
}

void HostPool::SetThreads(int count) { Threads() = count; }

void HostPool::Use(const std::function<void(ThreadPool&)>& body) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const int threads = Threads();
  if (!pool_ || pool_->threads() != threads) {
    pool_ = nullptr;
    pool_ = std::make_unique<ThreadPool>(threads);
  }
  body(*pool_);
}

}  // namespace mayfly
