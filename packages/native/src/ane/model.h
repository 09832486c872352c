// One _ANEInMemoryModel. Each of its messages is checked before it is sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ane/failure.h"
#include "ane/objc_runtime.h"
#include "device/device.h"

namespace mayfly::ane {

// The way of an evaluation to the engine: through the model, or through the client, which a canary must prove first.
enum class EvaluationPath { kStandard, kDirect, kRealTime };

// Settings of a model that the environment chooses (settings.h).
struct ModelSettings {
  unsigned quality_of_service = 21;
  // Whether to ask for the execution time that the hardware measures.
  bool statistics = false;
};

// The number of compilations that this process has tried, failed ones included, which is what the compiler limits.
int CompilationsOfProcess();

class Model {
 public:
  // Throws ERR_ANE_COMPILE.
  Model(std::string_view text, const std::vector<mil::WeightFile>& weights, const ModelSettings& settings);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  // Unloads the model if it is loaded. A failure is a line on stderr.
  ~Model();

  // Derived from text, options and weights. The name of the staged directory.
  const std::string& identifier() const { return identifier_; }

  // Whether the system holds a compiled program of this identity, so that Load needs no Compile.
  bool CompiledModelExists() const;
  // The staged directory must be complete. Throws ERR_ANE_COMPILE or ERR_DEVICE_LIMIT.
  void Compile();
  // Tries again once after 100 ms, since the engine frees slots of unloaded programs with a delay. Throws ERR_ANE_LOAD
  // or ERR_DEVICE_LIMIT.
  void Load();
  // Blocks until the engine has finished. Returns the hardware's nanoseconds, 0 if they were not asked for or are not
  // known. Throws ERR_ANE_EVALUATE or ERR_DEVICE_LIMIT.
  uint64_t Evaluate(Id request, EvaluationPath path);
  // Throws ERR_ANE_UNLOAD.
  void Unload();

 private:
  Owned model_;
  Owned options_;
  std::string identifier_;
  ModelSettings settings_;
  bool loaded_ = false;
};

}  // namespace mayfly::ane
