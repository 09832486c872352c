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
  auto prefetch = std::make_shared<Prefetch>();
  prefetch->prefetcher_ = this;
  prefetch->surface_ = std::move(surface);
  prefetch->copies_ = std::move(copies);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (failed_) return nullptr;
    if (!thread_.joinable()) thread_ = std::thread([this] { Serve(); });
    waiting_.push_back(prefetch);
  }
  added_.notify_one();
  return prefetch;
}

bool Prefetch::Finish() {
  std::unique_lock<std::mutex> lock(prefetcher_->mutex_);
  prefetcher_->ended_.wait(lock, [this] { return ended_; });
  return !failed_;
}

void Prefetcher::Serve() {
  PrepareThisThread("mayfly-prefetch");
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    added_.wait(lock, [&] { return closing_ || !waiting_.empty(); });
    if (closing_) return;
    const std::shared_ptr<Prefetch> prefetch = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    std::string failure;
    try {
      prefetch->surface_->Fill([&](uint8_t* memory) {
        for (const RowCopy& copy : prefetch->copies_) CopyRows(copy, memory);
      });
    } catch (const std::exception& error) {
      failure = error.what();
    }
    {
      const AutoreleasePool pool;
      prefetch->surface_ = nullptr;
    }
    lock.lock();
    prefetch->ended_ = true;
    prefetch->failed_ = !failure.empty();
    if (prefetch->failed_ && !std::exchange(failed_, true))
      std::fprintf(stderr, "mayfly: device ane prefetches no inputs from now on: %s\n", failure.c_str());
    ended_.notify_all();
  }
}

}  // namespace mayfly::ane
