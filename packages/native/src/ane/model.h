// A program as the framework holds it. Each of its messages is checked before it is sent.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ane/failure.h"
#include "ane/framework_model.h"
#include "ane/objc_runtime.h"
#include "device/device.h"

namespace mayfly::ane {

// The class of the framework that programs are given to: _ANEInMemoryModel, or _ANEClient, which a canary must prove
// first.
enum class Api { kInMemory, kClient };

// The method of an evaluation: the API's own, or the client's direct one, which a canary must prove first.
enum class EvaluationPath { kStandard, kDirect };

// The class of service of every message, unless MAYFLY_ANE_QOS chooses another (settings.h).
constexpr unsigned kQualityOfService = 21;

ProcessUse UseOfProcess();

class Model {
 public:
  // Throws ERR_ANE_COMPILE.
  Model(Api api, std::string_view text, const std::vector<mil::WeightFile>& weights, unsigned quality_of_service);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // Derived from text and weights. The name of the staged directory.
  const std::string& identifier() const { return model_->identifier(); }

  bool loaded() const { return loaded_; }
  // Whether the system holds this program compiled, so that Load can do without Compile.
  bool IsCompiled() const;
  // The staged directory must be complete. Throws ERR_ANE_COMPILE, ERR_ANE_REFUSED or
  // ERR_DEVICE_LIMIT.
  void Compile();
  // Tries again once after 100 ms, since the engine frees slots of unloaded programs with a delay. Throws ERR_ANE_LOAD
  // or ERR_DEVICE_LIMIT.
  void Load();
  // Blocks until the engine has finished. Throws ERR_ANE_EVALUATE or ERR_DEVICE_LIMIT.
  void Evaluate(Id request, EvaluationPath path);
  // Throws ERR_ANE_UNLOAD.
  void Unload();
  // The names of a loaded program's ports in the order of a request's surfaces, as its attributes list them under
  // kANEFModelInputSymbolsArrayKey or kANEFModelOutputSymbolsArrayKey. Empty if it has no such list.
  std::vector<std::string> Symbols(const char* key) const;
  // Makes the system forget the compiled program.
  void Purge();

 private:
  std::unique_ptr<FrameworkModel> model_;
  unsigned quality_of_service_;
  bool loaded_ = false;
};

}  // namespace mayfly::ane
