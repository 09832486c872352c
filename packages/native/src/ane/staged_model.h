// A model of the framework and the directory that it is compiled in and loaded from.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "ane/compiled_cache.h"
#include "ane/model.h"
#include "ane/staging.h"
#include "device/device.h"

namespace mayfly::ane {

class StagedModel {
 public:
  // Describes and stages. Throws ERR_ANE_COMPILE or ERR_ANE_STAGING.
  StagedModel(std::string_view text, const std::vector<mil::WeightFile>& weights, const ModelSettings& settings);

  // `cache` may be null. Throws ERR_ANE_COMPILE, ERR_ANE_LOAD or ERR_DEVICE_LIMIT; gives the number of compilations, 0
  // or 1.
  int CompileAndLoad(const CompiledCache* cache);
  // For one that is not loaded: replaces the weight files and loads. False, and nothing done, where it shares its
  // directory. Whether the new weights are then in effect differs by system, and only an evaluation shows it. Throws as
  // above.
  bool LoadWith(const std::vector<mil::WeightFile>& weights);

  Model& model() { return model_; }

 private:
  // Outlives the model: unloading comes before removing.
  std::shared_ptr<StagedDirectory> directory_;
  Model model_;
};

}  // namespace mayfly::ane
