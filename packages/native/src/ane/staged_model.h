// A model of the framework and its staged directory.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "ane/model.h"
#include "ane/staging.h"
#include "device/device.h"

namespace mayfly::ane {

class StagedModel {
 public:
  // Creates the model and stages its files. Throws ERR_ANE_COMPILE or ERR_ANE_STAGING.
  StagedModel(Api api, std::string_view text, const std::vector<mil::WeightFile>& weights, unsigned quality_of_service);
  StagedModel(const StagedModel&) = delete;
  StagedModel& operator=(const StagedModel&) = delete;
  // Unloads, and makes the system forget the compiled program unless others use it.
  ~StagedModel();

  // Loads, and compiles before unless the system holds the program compiled. Returns the number of compilations, 0
  // or 1. Throws ERR_ANE_COMPILE, ERR_ANE_LOAD or ERR_DEVICE_LIMIT.
  int CompileAndLoad();
  // For an unloaded model: replaces the weight files and loads. Does nothing and returns false if others use its
  // directory. Whether the new weights take effect depends on the system, and only an evaluation shows it. Throws as
  // above.
  bool LoadWith(const std::vector<mil::WeightFile>& weights);

  Model& model() { return model_; }

 private:
  // Declared before the model, so that it is removed after the model is unloaded.
  std::shared_ptr<StagedDirectory> directory_;
  Model model_;
};

}  // namespace mayfly::ane
