#include "parallel/job_queue.h"

#include <condition_variable>
#include <future>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

#include "error.h"
#include "parallel/affinity.h"

namespace mayfly {
namespace {

struct Shared {
  std::mutex mutex;
  std::condition_variable added;
  std::multimap<uint32_t, std::function<void()>> jobs;  // by rank; guarded by mutex
  bool started = false;                                 // guarded by mutex
};

// Never destroyed: the thread may still run a job while the process runs its static destructors.
Shared& TheQueue() {
  static Shared* shared = new Shared;
  return *shared;
}

void Serve(Shared& queue) {
  PrepareThisThread("mayfly-queue");
  std::unique_lock<std::mutex> lock(queue.mutex);
  for (;;) {
    queue.added.wait(lock, [&] { return !queue.jobs.empty(); });
    std::function<void()> job = std::move(queue.jobs.begin()->second);
    queue.jobs.erase(queue.jobs.begin());
    lock.unlock();
    job();
    job = nullptr;  // what it held is released before the next is waited for
    lock.lock();
  }
}

}  // namespace

void JobQueue::Add(std::function<void()> job, uint32_t rank) {
  Shared& queue = TheQueue();
  std::lock_guard<std::mutex> lock(queue.mutex);
  const auto added = queue.jobs.emplace(rank, std::move(job));
  if (!queue.started) {
    try {
      std::thread([&queue] { Serve(queue); }).detach();
    } catch (const std::system_error& error) {
      queue.jobs.erase(added);
      throw Error("ERR_NATIVE", std::string("Cannot start the thread for host math: ") + error.what());
    }
    queue.started = true;
  }
  queue.added.notify_one();
}

void JobQueue::Finish() {
  const auto reached = std::make_shared<std::promise<void>>();
  Add([reached] { reached->set_value(); }, std::numeric_limits<uint32_t>::max());
  reached->get_future().wait();
}

}  // namespace mayfly
