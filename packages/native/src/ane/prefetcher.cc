#include "ane/prefetcher.h"

#include <cstdio>
#include <utility>

#include "ane/foundation.h"
#include "error.h"
#include "parallel/affinity.h"

namespace mayfly::ane {

Prefetcher::~Prefetcher() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
  }
  added_.notify_one();
  if (thread_.joinable()) thread_.join();
}

std::shared_ptr<Prefetch> Prefetcher::Begin(std::shared_ptr<IoSurface> surface, std::vector<RowCopy> copies) {
  return Add(
      std::move(surface),
      [copies = std::move(copies)](IoSurface* into) {
        into->Fill([&](uint8_t* memory) {
          for (const RowCopy& copy : copies) CopyRows(copy, memory);
        });
      },
      &waiting_);
}

std::shared_ptr<Prefetch> Prefetcher::BeginRead(std::shared_ptr<IoSurface> surface, size_t begin, void* to,
                                                size_t bytes) {
  std::shared_ptr<Prefetch> read =
      Add(std::move(surface), [=](IoSurface* from) { from->Read(to, bytes, begin); }, &reads_);
  last_read_ = read.get();
  return read;
}

std::shared_ptr<Prefetch> Prefetcher::Add(std::shared_ptr<IoSurface> surface, std::function<void(IoSurface*)> copy,
                                          std::deque<std::shared_ptr<Prefetch>>* queue) {
  auto prefetch = std::make_shared<Prefetch>();
  prefetch->prefetcher_ = this;
  prefetch->surface_ = std::move(surface);
  prefetch->copy_ = std::move(copy);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (failed_) return nullptr;
    if (!thread_.joinable()) thread_ = std::thread([this] { Serve(); });
    queue->push_back(prefetch);
  }
  added_.notify_one();
  return prefetch;
}

bool Prefetch::Finish() {
  std::unique_lock<std::mutex> lock(prefetcher_->mutex_);
  prefetcher_->ended_.wait(lock, [this] { return ended_; });
  return failure_.empty();
}

void Prefetch::Wait() {
  if (Finish()) return;
  copy_(surface_.get());
  const std::lock_guard<std::mutex> lock(prefetcher_->mutex_);
  failure_.clear();
}

void Prefetch::WhenEnded(std::function<void(const std::string& failure)> ended) {
  {
    const std::lock_guard<std::mutex> lock(prefetcher_->mutex_);
    if (!ended_) {
      on_end_ = std::move(ended);
      return;
    }
  }
  ended(failure_);
}

void Prefetcher::Serve() {
  PrepareThisThread("mayfly-prefetch");
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    added_.wait(lock, [&] { return closing_ || !reads_.empty() || !waiting_.empty(); });
    if (closing_) return;
    std::deque<std::shared_ptr<Prefetch>>& queue = reads_.empty() ? waiting_ : reads_;
    const std::shared_ptr<Prefetch> prefetch = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    std::string failure;
    try {
      prefetch->copy_(prefetch->surface_.get());
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (failure.empty()) {
      const AutoreleasePool pool;
      prefetch->surface_ = nullptr;
    }
    lock.lock();
    prefetch->ended_ = true;
    prefetch->failure_ = failure;
    if (!failure.empty() && !std::exchange(failed_, true))
      std::fprintf(stderr, "mayfly: device ane prefetches no inputs from now on: %s\n", failure.c_str());
    const auto on_end = std::move(prefetch->on_end_);
    ended_.notify_all();
    if (!on_end) continue;
    lock.unlock();
    on_end(failure);
    lock.lock();
  }
}

}  // namespace mayfly::ane
