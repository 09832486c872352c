// One _ANEInMemoryModel: its messages, each checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ane/failure.h"
#include "ane/objc_runtime.h"
#include "device/device.h"

namespace mayfly::ane {

// How an evaluation reaches the engine: through the model (the only one that needs no proof), or through the client.
enum class EvaluationPath { kStandard, kDirect, kRealTime };

// What of a model's life its environment chooses (settings.h).
struct ModelSettings {
  unsigned quality_of_service = 21;
  // Ask for the hardware's own execution time.
  bool statistics = false;
};

// Attempts to compile by this process so far, failed ones included: what the compiler's limit counts.
int CompilationsOfProcess();

class Model {
 public:
  // Throws ERR_ANE_COMPILE.
  Model(std::string_view text, const std::vector<mil::WeightFile>& weights, const ModelSettings& settings);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  // Unloads what is loaded; a failure of that is a line on stderr.
  ~Model();

  // Derived from text, options and weights; names the staged directory.
  const std::string& identifier() const { return identifier_; }

  // Whether the system holds a compiled program of this identity, so that Load needs no Compile.
  bool CompiledModelExists() const;
  // The staged directory must be complete. Throws ERR_ANE_COMPILE or ERR_DEVICE_LIMIT.
  void Compile();
  // Tries again once after 100 ms: slots of programs that were just unloaded come free late. Throws ERR_ANE_LOAD or
  // ERR_DEVICE_LIMIT.
  void Load();
  // Blocks until the engine has finished; gives the hardware's nanoseconds, 0 where they were not asked for or not
  // told. Throws ERR_ANE_EVALUATE or ERR_DEVICE_LIMIT.
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
