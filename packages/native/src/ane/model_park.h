// Programs that were unloaded, kept to be loaded again with other weights: compilations that need not be.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ane/staged_model.h"

namespace mayfly::ane {

// What weights do to a program: hashes of the weights, and of what comes out for a fixed input.
struct Fingerprint {
  uint64_t weights = 0;
  uint64_t outputs = 0;

  // Other weights with the same results to the last bit: they are not in effect.
  bool IsStale(const Fingerprint& before) const { return weights != before.weights && outputs == before.outputs; }
};

struct ParkedModel {
  std::unique_ptr<StagedModel> model;
  Fingerprint fingerprint;
};

// Safe from any thread.
class ModelPark {
 public:
  // `tells`: a line on stderr when it is closed.
  explicit ModelPark(bool tells = true) : tells_(tells) {}

  void Keep(const std::string& text, ParkedModel parked);
  // One of this text; none.
  std::optional<ParkedModel> Take(const std::string& text);
  // From now on keeps nothing.
  void Close(const std::string& reason);

 private:
  std::mutex mutex_;
  std::multimap<std::string, ParkedModel> parked_;
  bool closed_ = false;
  const bool tells_;
};

}  // namespace mayfly::ane
