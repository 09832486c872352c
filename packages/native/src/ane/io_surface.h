// IOSurfaces: the only memory that the engine reads and writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "ane/objc_runtime.h"
#include "function_ref.h"

namespace mayfly::ane {

// The size of the surface for a dense tensor, which depends on the chip (docs/internals/ane.md, "Surfaces").
struct SurfaceRules {
  size_t minimum_bytes = 49'152;
  size_t multiple_of = 128;

  size_t Round(size_t bytes) const;
};

// `chip` is an aneSubType (h13 … h17). An unknown chip gets the strictest rules.
SurfaceRules SurfaceRulesFor(const std::string& chip);

// A surface of one dense dimension of bytes. Its memory may be used only between Lock and Unlock.
class IoSurface {
 public:
  // Throws ERR_ANE_SURFACE.
  explicit IoSurface(size_t bytes);
  IoSurface(IoSurface&& other) noexcept;
  ~IoSurface();

  size_t bytes() const { return bytes_; }
  // The _ANEIOSurfaceObject of this surface, which this object owns.
  Id wrapper() const { return wrapper_.get(); }

  // Copies the first `bytes`.
  void Write(const void* from, size_t bytes);
  // Lets `body` write the memory, under one lock.
  void Fill(FunctionRef<void(uint8_t* memory)> body);
  // Copies `bytes` from byte `begin` on.
  void Read(void* to, size_t bytes, size_t begin = 0) const;

 private:
  // Throws ERR_ANE_SURFACE with the code that locking returned.
  void* Lock(unsigned options) const;
  void Unlock(unsigned options) const;

  void* surface_;
  size_t bytes_;
  Owned wrapper_;
};

}  // namespace mayfly::ane
