// The internals of a surface.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "engine.h"

struct EngineSurface {
  std::atomic<long> references{1};
  size_t bytes = 0;
  void* engine = nullptr;
  void* client = nullptr;
  std::mutex mutex;
  // The program that first evaluated with it.
  const EngineModel* user = nullptr;
  int readers = 0;
  int writers = 0;
  // While a client that is counted writes: what the surface held before.
  std::vector<uint16_t> before;
  // Bytes of the results that the engine last wrote here.
  size_t filled = 0;
};

namespace mayfly::emulator {
long LiveSurfaces();
// The calling thread evaluates.
void NoteEvaluation();
// With MAYFLY_EMULATOR_COUNT: bytes that clients wrote into surfaces, and bytes of results in surfaces that clients
// locked to read.
long WrittenBytes();
long ReadBytes();
}  // namespace mayfly::emulator
