// The internals of a surface.
#pragma once

#include <atomic>
#include <mutex>

#include "engine.h"

struct EngineSurface {
  std::atomic<long> references{1};
  size_t bytes = 0;
  void* engine = nullptr;
  void* client = nullptr;
  std::mutex mutex;
  int readers = 0;
  int writers = 0;
};

namespace mayfly::emulator {
long LiveSurfaces();
}  // namespace mayfly::emulator
