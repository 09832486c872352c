// A model of the framework and its staged directory.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ane/model.h"
#include "ane/staging.h"
#include "device/device.h"

namespace mayfly::ane {

class StagedModel {
 public:
  // Creates the model. Throws ERR_ANE_COMPILE.
  StagedModel(Api api, std::string text, const std::vector<mil::WeightFile>& weights, unsigned quality_of_service);
  StagedModel(const StagedModel&) = delete;
  StagedModel& operator=(const StagedModel&) = delete;
  // Unloads the model if it is loaded, and makes the system forget the compiled program unless others use it. A failure
  // is a line on stderr.
  ~StagedModel();

  // Stages the files and loads; compiles before, unless the system holds the program compiled. Returns the number of
  // compilations, 0 or 1. Throws ERR_ANE_STAGING, ERR_ANE_COMPILE, ERR_ANE_REFUSED, ERR_ANE_LOAD or
  // ERR_DEVICE_LIMIT.
  int CompileAndLoad(const std::vector<mil::WeightFile>& weights);
  // For an unloaded model whose text no other program has: stages other weights and loads. Whether they take effect
  // depends on the system, and only an evaluation shows it. Throws as above.
  void LoadWith(const std::vector<mil::WeightFile>& weights);
  // Throws ERR_ANE_UNLOAD or ERR_ANE_STAGING.
  void Unload();

  Model& model() { return model_; }

 private:
  void TakeAlone(std::optional<StagedDirectory::Turn>* turn) const;

  const std::string text_;
  Model model_;
  StagedDirectory directory_;
};

}  // namespace mayfly::ane
