// Keeps unloaded programs, so that they can be loaded with other weights instead of being compiled.
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

// The effect of weights on a program: hashes of the weights, and of the results for a fixed input.
struct Fingerprint {
  uint64_t weights = 0;
  uint64_t outputs = 0;

  // Whether other weights gave the same bits: then they had no effect.
  bool IsStale(const Fingerprint& before) const { return weights != before.weights && outputs == before.outputs; }
};

struct ParkedModel {
  std::unique_ptr<StagedModel> model;
  Fingerprint fingerprint;
};

// Safe to use from any thread.
class ModelPark {
 public:
  // `tells`: whether Close prints a line on stderr.
  explicit ModelPark(bool tells = true) : tells_(tells) {}

  void Keep(const std::string& text, ParkedModel parked);
  // Takes a program with this text out; null if there is none.
  std::optional<ParkedModel> Take(const std::string& text);
  // Drops all programs, and keeps none from then on.
  void Close(const std::string& reason);

 private:
  std::mutex mutex_;
  std::multimap<std::string, ParkedModel> parked_;
  bool closed_ = false;
  const bool tells_;
};

}  // namespace mayfly::ane
