#include "ane/model_park.h"

#include <cstdio>
#include <utility>

namespace mayfly::ane {
namespace {

// More than a process can have loaded. The bound matters for kernels that never come back.
constexpr size_t kMostParked = 128;

}  // namespace

void ModelPark::Keep(const std::string& text, ParkedModel parked) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!closed_ && parked_.size() < kMostParked) parked_.emplace(text, std::move(parked));
}

std::optional<ParkedModel> ModelPark::Take(const std::string& text) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = parked_.find(text);
  if (found == parked_.end()) return {};
  ParkedModel parked = std::move(found->second);
  parked_.erase(found);
  return parked;
}

void ModelPark::Close(const std::string& reason) {
  std::multimap<std::string, ParkedModel> dropped;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return;
  closed_ = true;
  dropped.swap(parked_);
  if (tells_) std::fprintf(stderr, "mayfly: weights are compiled, not reloaded: %s\n", reason.c_str());
}

}  // namespace mayfly::ane
