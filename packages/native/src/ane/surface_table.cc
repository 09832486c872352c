#include "ane/surface_table.h"

#include <utility>

namespace mayfly::ane {

void InputSurface::Settle() {
  const std::shared_ptr<Prefetch> ended = std::exchange(prefetch, nullptr);
  if (ended == nullptr || ended->Finish()) return;
  contents = {};
  prefetched_bytes = 0;
  prefetched_parts.clear();
}

InputSurface* SurfaceTable::Input(const void* key, size_t fresh, size_t bytes) {
  const auto found = inputs_.lower_bound({key, fresh, bytes});
  if (found != inputs_.end() && std::get<0>(found->first) == key && std::get<1>(found->first) == fresh)
    return &found->second;
  DropUnused();
  InputSurface& made = inputs_[{key, fresh, bytes}];
  try {
    made.surface = std::make_shared<IoSurface>(bytes);
  } catch (...) {
    inputs_.erase({key, fresh, bytes});
    throw;
  }
  bytes_ += bytes;
  return &made;
}

std::shared_ptr<IoSurface> SurfaceTable::Output(const void* key, uint64_t generation, size_t bytes) const {
  const auto found = outputs_.find(key);
  if (found == outputs_.end() || found->second.generation != generation) return nullptr;
  std::shared_ptr<IoSurface> surface = found->second.surface.lock();
  return surface != nullptr && surface->bytes() >= bytes ? surface : nullptr;
}

void SurfaceTable::NameOutput(const void* key, uint64_t generation, const std::shared_ptr<IoSurface>& surface) {
  outputs_[key] = {generation, surface};
}

void SurfaceTable::ForgetOutput(const std::shared_ptr<IoSurface>& surface) {
  for (auto each = outputs_.begin(); each != outputs_.end();) {
    const std::shared_ptr<IoSurface> named = each->second.surface.lock();
    each = named == nullptr || named == surface ? outputs_.erase(each) : std::next(each);
  }
}

void SurfaceTable::DropUnused() {
  for (auto each = inputs_.begin(); each != inputs_.end();) {
    if (each->second.surface.use_count() > 1) {
      ++each;
      continue;
    }
    bytes_ -= each->second.surface->bytes();
    each = inputs_.erase(each);
  }
}

}  // namespace mayfly::ane
