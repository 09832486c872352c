// Surfaces: one memory file mapped twice. The engine's mapping is always open; the client's is PROT_NONE unless locked.
#include "engine_surface.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "engine_options.h"
#include "faults.h"

namespace {

using namespace mayfly::emulator;

constexpr uint32_t kReadOnlyOption = 1;
constexpr int kBadArgument = static_cast<int>(0xe00002c2);
constexpr int kCannotLock = static_cast<int>(0xe00002cc);

// An fp16 NaN that no arithmetic makes: an element of a surface that still holds it was not written.
constexpr uint16_t kUnwritten = 0xfeb5;

std::atomic<long> live{0};
std::atomic<long> written{0};
std::atomic<long> read_{0};
// The first thread that evaluated.
std::atomic<std::thread::id> evaluator{};

uint16_t* Elements(EngineSurface* surface) { return static_cast<uint16_t*>(surface->engine); }

// Marks every element, so that those that the client writes can be told from the others.
void BeginCount(EngineSurface* surface) {
  const size_t count = surface->bytes / 2;
  surface->before.assign(Elements(surface), Elements(surface) + count);
  std::fill_n(Elements(surface), count, kUnwritten);
}

void EndCount(EngineSurface* surface) {
  uint16_t* elements = Elements(surface);
  for (size_t i = 0; i < surface->before.size(); ++i) {
    if (elements[i] == kUnwritten)
      elements[i] = surface->before[i];
    else
      written += 2;
  }
  surface->before.clear();
}

int Protect(EngineSurface* surface) {
  const int protection = surface->writers > 0 ? PROT_READ | PROT_WRITE : surface->readers > 0 ? PROT_READ : PROT_NONE;
  return mprotect(surface->client, surface->bytes, protection);
}

}  // namespace

namespace mayfly::emulator {
long LiveSurfaces() { return live; }
void NoteEvaluation() {
  std::thread::id none;
  evaluator.compare_exchange_strong(none, std::this_thread::get_id());
}
long WrittenBytes() { return written; }
long ReadBytes() { return read_; }
}  // namespace mayfly::emulator

extern "C" {

EngineSurface* EngineSurfaceCreate(size_t bytes) {
  if (bytes == 0) return nullptr;
  const int fd = memfd_create("mayfly-emulator-surface", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    if (fd >= 0) close(fd);
    return nullptr;
  }
  auto* surface = new EngineSurface;
  surface->bytes = bytes;
  surface->engine = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  surface->client = mmap(nullptr, bytes, PROT_NONE, MAP_SHARED, fd, 0);
  close(fd);
  ++live;
  return surface;
}

void EngineSurfaceRetain(EngineSurface* surface) { ++surface->references; }

void EngineSurfaceRelease(EngineSurface* surface) {
  if (--surface->references > 0) return;
  munmap(surface->engine, surface->bytes);
  munmap(surface->client, surface->bytes);
  delete surface;
  --live;
}

int EngineSurfaceLock(EngineSurface* surface, uint32_t options) {
  const Fault fault = NextFault("lock");
  if (fault.kind == FaultKind::kError) return static_cast<int>(fault.code);
  if (EngineOptions::Get().one_thread_locks && evaluator.load() != std::thread::id() &&
      evaluator.load() != std::this_thread::get_id())
    return kCannotLock;
  const std::lock_guard<std::mutex> lock(surface->mutex);
  const bool reads = (options & kReadOnlyOption) != 0;
  // Of what an evaluation wrote: the client may read it in parts.
  if (reads) read_ += static_cast<long>(std::exchange(surface->filled, 0));
  if (!reads && surface->writers == 0 && EngineOptions::Get().counts) BeginCount(surface);
  ++(reads ? surface->readers : surface->writers);
  return Protect(surface) == 0 ? 0 : kCannotLock;
}

int EngineSurfaceUnlock(EngineSurface* surface, uint32_t options) {
  const std::lock_guard<std::mutex> lock(surface->mutex);
  int& holders = (options & kReadOnlyOption) != 0 ? surface->readers : surface->writers;
  if (holders == 0) return kBadArgument;
  --holders;
  if (surface->writers == 0 && !surface->before.empty()) EndCount(surface);
  return Protect(surface) == 0 ? 0 : kCannotLock;
}

void* EngineSurfaceAddress(EngineSurface* surface) { return surface->client; }

size_t EngineSurfaceBytes(const EngineSurface* surface) { return surface->bytes; }

}  // extern "C"
