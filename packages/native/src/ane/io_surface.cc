#include "ane/io_surface.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "ane/foundation.h"
#include "error.h"

namespace mayfly::ane {
namespace {

constexpr unsigned kReadWrite = 0;
constexpr unsigned kReadOnly = 1;

struct Functions {
  void* (*create)(Id properties);
  int (*lock)(void* surface, unsigned options, uint32_t* seed);
  int (*unlock)(void* surface, unsigned options, uint32_t* seed);
  void* (*base_address)(void* surface);
  void (*release)(void* object);
  Id width, height, bytes_per_element, bytes_per_row, alloc_size, pixel_format;

  static const Functions& Get() {
    static const Functions functions;
    return functions;
  }

 private:
  Functions() {
    Resolve(&create, "IOSurfaceCreate");
    Resolve(&lock, "IOSurfaceLock");
    Resolve(&unlock, "IOSurfaceUnlock");
    Resolve(&base_address, "IOSurfaceGetBaseAddress");
    Resolve(&release, "CFRelease");
    width = Constant("kIOSurfaceWidth");
    height = Constant("kIOSurfaceHeight");
    bytes_per_element = Constant("kIOSurfaceBytesPerElement");
    bytes_per_row = Constant("kIOSurfaceBytesPerRow");
    alloc_size = Constant("kIOSurfaceAllocSize");
    pixel_format = Constant("kIOSurfacePixelFormat");
  }

  template <typename Function>
  static void Resolve(Function* function, const char* name) {
    *function = reinterpret_cast<Function>(ObjcRuntime::Get().Symbol(name));
  }
  static Id Constant(const char* name) { return *static_cast<Id*>(ObjcRuntime::Get().Symbol(name)); }
};

void Check(int code, const char* function, size_t bytes) {
  if (code == 0) return;
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(code));
  throw Error("ERR_ANE_SURFACE",
              std::string("Expected ") + function + " of " + std::to_string(bytes) + " bytes to return 0, got " + text);
}

}  // namespace

size_t SurfaceRules::Round(size_t bytes) const {
  const size_t enough = bytes < minimum_bytes ? minimum_bytes : bytes;
  return (enough + multiple_of - 1) / multiple_of * multiple_of;
}

SurfaceRules SurfaceRulesFor(const std::string& chip) {
  // The engine accepts a surface that is larger than its tensor (Orion pads every surface of a request to one size).
  // Below 48 KiB Orion reports error 0x1d, and others none, so all chips get that size. Only M5 is reported to need
  // sizes that are multiples of 128 bytes.
  constexpr size_t kMinimum = 49'152;
  struct Row {
    const char* family;
    SurfaceRules rules;
  };
  static constexpr Row kRows[] = {
      {"h13", {kMinimum, 64}}, {"h14", {kMinimum, 64}}, {"h15", {kMinimum, 64}}, {"h16", {kMinimum, 64}}};
  for (const Row& row : kRows) {
    if (chip.compare(0, 3, row.family) == 0) return row.rules;
  }
  return {kMinimum, 128};
}

IoSurface::IoSurface(size_t bytes) : bytes_(bytes) {
  const Functions& functions = Functions::Get();
  const AutoreleasePool pool;
  surface_ = functions.create(Dictionary({{functions.width, Number(bytes)},
                                          {functions.height, Number(1)},
                                          {functions.bytes_per_element, Number(1)},
                                          {functions.bytes_per_row, Number(bytes)},
                                          {functions.alloc_size, Number(bytes)},
                                          {functions.pixel_format, Number(0)}}));
  if (surface_ == nullptr) {
    throw Error("ERR_ANE_SURFACE", "Expected an IOSurface of " + std::to_string(bytes) + " bytes, got none");
  }
  try {
    wrapper_ =
        Owned::Retain(Send(ObjcRuntime::Get().ClassNamed("_ANEIOSurfaceObject"), "objectWithIOSurface:", surface_));
    if (wrapper_.get() == nullptr)
      throw Error("ERR_ANE_SURFACE", "Expected objectWithIOSurface: to return one, got nil");
  } catch (...) {
    functions.release(surface_);
    throw;
  }
}

IoSurface::IoSurface(IoSurface&& other) noexcept
    : surface_(other.surface_), bytes_(other.bytes_), wrapper_(std::move(other.wrapper_)) {
  other.surface_ = nullptr;
}

IoSurface::~IoSurface() {
  if (surface_ != nullptr) Functions::Get().release(surface_);
}

void IoSurface::Write(const void* from, size_t bytes) {
  std::memcpy(Lock(kReadWrite), from, bytes);
  Unlock(kReadWrite);
}

void IoSurface::Fill(FunctionRef<void(uint8_t* memory)> body) {
  body(static_cast<uint8_t*>(Lock(kReadWrite)));
  Unlock(kReadWrite);
}

void IoSurface::Read(void* to, size_t bytes, size_t begin) const {
  std::memcpy(to, static_cast<const uint8_t*>(Lock(kReadOnly)) + begin, bytes);
  Unlock(kReadOnly);
}

void* IoSurface::Lock(unsigned options) const {
  const Functions& functions = Functions::Get();
  Check(functions.lock(surface_, options, nullptr), "IOSurfaceLock", bytes_);
  if (void* address = functions.base_address(surface_)) return address;
  functions.unlock(surface_, options, nullptr);
  throw Error("ERR_ANE_SURFACE",
              "Expected a locked IOSurface of " + std::to_string(bytes_) + " bytes to have an address, got none");
}

void IoSurface::Unlock(unsigned options) const {
  Check(Functions::Get().unlock(surface_, options, nullptr), "IOSurfaceUnlock", bytes_);
}

}  // namespace mayfly::ane
