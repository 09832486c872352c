// The input surfaces of a device, by the memory that they hold copies of, and the output surfaces that may be read in
// the place of such a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "ane/io_surface.h"
#include "ane/prefetcher.h"
#include "device/device.h"

namespace mayfly::ane {

// The part of a surface that holds what its memory does: of `bytes` bytes in rows of `stride`, all columns from byte
// `fresh` on.
struct Contents {
  // Of InputReuse in device/device.h; 0: nothing may be reused.
  uint64_t generation = 0;
  size_t bytes = 0;
  size_t stride = 0;
  size_t fresh = 0;

  bool Cover(const Contents& wanted) const {
    return generation != 0 && generation == wanted.generation && stride == wanted.stride && bytes >= wanted.bytes &&
           fresh <= wanted.fresh;
  }
};

struct InputSurface {
  std::shared_ptr<IoSurface> surface;
  Contents contents;
  // Copied since the last evaluation: the columns that `contents` names, in bytes, and parts of the fresh ones.
  size_t prefetched_bytes = 0;
  std::vector<InputPart> prefetched_parts;
  // The copies under way that make all of this true; null if there are none.
  std::shared_ptr<Prefetch> prefetch;

  // Waits for the copies under way.
  void Settle();
};

// For one thread at a time.
class SurfaceTable {
 public:
  // An input surface of at least `bytes` for the memory at `key`, whose rows are fresh up to byte `fresh`; made if
  // there is none. Programs that share a surface agree on what is fresh.
  InputSurface* Input(const void* key, size_t fresh, size_t bytes);

  // The surface that begins with `bytes` which an evaluation wrote to the memory at `key` under this generation; null
  // if there is none.
  std::shared_ptr<IoSurface> Output(const void* key, uint64_t generation, size_t bytes) const;
  // `surface` holds what was written to the memory at `key` under this generation.
  void NameOutput(const void* key, uint64_t generation, const std::shared_ptr<IoSurface>& surface);
  // `surface` is about to get other contents.
  void ForgetOutput(const std::shared_ptr<IoSurface>& surface);

  // Of its input surfaces.
  size_t bytes() const { return bytes_; }

 private:
  struct NamedOutput {
    uint64_t generation;
    std::weak_ptr<IoSurface> surface;
  };

  // Frees the input surfaces that no program uses any more.
  void DropUnused();

  std::map<std::tuple<const void*, size_t, size_t>, InputSurface> inputs_;
  std::map<const void*, NamedOutput> outputs_;
  size_t bytes_ = 0;
};

}  // namespace mayfly::ane
