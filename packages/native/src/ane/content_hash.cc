#include "ane/content_hash.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace mayfly::ane {
namespace {

// Two hashes with different seeds side by side.
class Digest {
 public:
  void Add(const void* data, size_t bytes) {
    for (uint64_t& hash : hashes_) hash = ContentHash(data, bytes, hash);
  }

  std::string Text() const {
    char text[33];
    std::snprintf(text, sizeof text, "%016llX%016llX", static_cast<unsigned long long>(hashes_[0]),
                  static_cast<unsigned long long>(hashes_[1]));
    return text;
  }

 private:
  uint64_t hashes_[2] = {0x9e3779b97f4a7c15ull, 0xd1b54a32d192ed03ull};
};

}  // namespace

uint64_t ContentHash(const void* data, size_t bytes, uint64_t seed) {
  const auto* at = static_cast<const uint8_t*>(data);
  uint64_t hash = seed ^ bytes;
  for (size_t left = bytes; left > 0;) {
    uint64_t word = 0;
    const size_t step = std::min(left, sizeof word);
    std::memcpy(&word, at, step);
    hash = (hash ^ word) * 0xbf58476d1ce4e5b9ull;
    hash ^= hash >> 29;
    at += step;
    left -= step;
  }
  return hash;
}

std::string WeightsName(const std::vector<mil::WeightFile>& weights) {
  Digest digest;
  for (const mil::WeightFile& file : weights) {
    digest.Add(file.path.data(), file.path.size());
    digest.Add(file.data, file.bytes);
  }
  return digest.Text();
}

std::string ContentName(std::string_view text, const std::vector<mil::WeightFile>& weights) {
  Digest of_text;
  of_text.Add(text.data(), text.size());
  return of_text.Text() + "_" + WeightsName(weights);
}

}  // namespace mayfly::ane
