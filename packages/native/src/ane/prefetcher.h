// Copies into surfaces on a thread of its own, while the engine evaluates programs with other surfaces.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ane/copy_rows.h"
#include "ane/io_surface.h"

namespace mayfly::ane {

class Prefetcher;

// Copies into one surface, which nobody may use before they are finished.
class Prefetch {
 public:
  // Waits for the copies, and says whether the surface holds them.
  bool Finish();

 private:
  friend class Prefetcher;
  Prefetcher* prefetcher_ = nullptr;
  std::shared_ptr<IoSurface> surface_;
  std::vector<RowCopy> copies_;
  bool ended_ = false;   // guarded by the prefetcher's mutex
  bool failed_ = false;  // guarded by the prefetcher's mutex
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

 private:
  friend class Prefetch;
  void Serve();

  std::mutex mutex_;
  std::condition_variable added_;
  std::condition_variable ended_;
  std::deque<std::shared_ptr<Prefetch>> waiting_;  // guarded by mutex_
  bool closing_ = false;                           // guarded by mutex_
  bool failed_ = false;                            // guarded by mutex_
  // Started by the first copies.
  std::thread thread_;
};

}  // namespace mayfly::ane
