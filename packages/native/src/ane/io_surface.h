// IOSurfaces: the only memory that the engine reads and writes.
#pragma once

#include <cstddef>
#include <string>

#include "ane/objc_runtime.h"

namespace mayfly::ane {

// How large a surface must be for a dense tensor, by chip (docs/ane.md, "Surfaces").
struct SurfaceRules {
  size_t minimum_bytes = 49'152;
  size_t multiple_of = 128;

  size_t Round(size_t bytes) const;
};

// `chip` as aneSubType gives it (h13 … h17); the strictest rules for one that is not known.
SurfaceRules SurfaceRulesFor(const std::string& chip);

// One dimension of bytes, dense. Its memory may be touched only between Lock and Unlock.
class IoSurface {
 public:
  // Throws ERR_ANE_SURFACE.
  explicit IoSurface(size_t bytes);
  IoSurface(IoSurface&& other) noexcept;
  ~IoSurface();

  size_t bytes() const { return bytes_; }
  // An _ANEIOSurfaceObject around it, kept by this.
  Id wrapper() const { return wrapper_.get(); }

  // Copies `bytes` from the start.
  void Write(const void* from, size_t bytes);
  // Copies `row_bytes` of every `stride` bytes from the start, to the same places.
  void WriteRows(const void* from, size_t row_bytes, size_t stride, size_t rows);
  void Read(void* to, size_t bytes) const;

 private:
  // Throws ERR_ANE_SURFACE with the code that locking returned.
  void* Lock(unsigned options) const;
  void Unlock(unsigned options) const;

  void* surface_;
  size_t bytes_;
  Owned wrapper_;
};

}  // namespace mayfly::ane
