// Copies into surfaces and out of them on a thread of its own, while the engine evaluates programs with other surfaces.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ane/copy_rows.h"
#include "ane/io_surface.h"
#include "device/device.h"

namespace mayfly::ane {

class Prefetcher;

// Copies into or out of one surface, which nobody may use before they are finished.
class Prefetch : public PendingOutput {
 public:
  // Waits for the copies, and says whether they were made.
  bool Finish();
  void WhenEnded(std::function<void(const std::string& failure)> ended) override;
  void Wait() override;

 private:
  friend class Prefetcher;
  Prefetcher* prefetcher_ = nullptr;
  std::shared_ptr<IoSurface> surface_;
  std::function<void(IoSurface*)> copy_;
  // The following are guarded by the prefetcher's mutex.
  bool ended_ = false;
  std::string failure_;
  std::function<void(const std::string& failure)> on_end_;
};

// For one thread at a time, beside its own. Outlives whoever waits for copies.
class Prefetcher {
 public:
  Prefetcher() = default;
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;
  // Leaves copies that were not begun, and waits for the one under way.
  ~Prefetcher();

  // Null once copies have failed, since the system does not allow them beside evaluations.
  std::shared_ptr<Prefetch> Begin(std::shared_ptr<IoSurface> surface, std::vector<RowCopy> copies);
  // Copies `bytes` of the surface from byte `begin` on, before all copies into surfaces that were not begun. Null as
  // of Begin.
  std::shared_ptr<Prefetch> BeginRead(std::shared_ptr<IoSurface> surface, size_t begin, void* to, size_t bytes);
  // Whether these are the copies of the last BeginRead.
  bool IsLastRead(const Prefetch* read) const { return read == last_read_; }

 private:
  friend class Prefetch;
  std::shared_ptr<Prefetch> Add(std::shared_ptr<IoSurface> surface, std::function<void(IoSurface*)> copy,
                                std::deque<std::shared_ptr<Prefetch>>* queue);
  void Serve();

  std::mutex mutex_;
  std::condition_variable added_;
  std::condition_variable ended_;
  std::deque<std::shared_ptr<Prefetch>> reads_;    // guarded by mutex_
  std::deque<std::shared_ptr<Prefetch>> waiting_;  // guarded by mutex_
  bool closing_ = false;                           // guarded by mutex_
  bool failed_ = false;                            // guarded by mutex_
  // An address to compare, no more: the copies may be gone.
  const Prefetch* last_read_ = nullptr;
  // Started by the first copies.
  std::thread thread_;
};

}  // namespace mayfly::ane
