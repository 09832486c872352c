#include "ane/staged_model.h"

#include "error.h"

namespace mayfly::ane {

StagedModel::StagedModel(std::string_view text, const std::vector<mil::WeightFile>& weights,
                         const ModelSettings& settings)
    : model_(text, weights, settings) {
  directory_ = StagedDirectory::Stage(model_.identifier(), text, weights);
}

int StagedModel::CompileAndLoad(const CompiledCache* cache) {
  if (cache != nullptr) {
    cache->Restore(model_.identifier(), *directory_);
    if (model_.CompiledModelExists()) {
      try {
        model_.Load();
        return 0;
      } catch (const Error& error) {
        // At a limit, another compilation would not help.
        if (error.code() == "ERR_DEVICE_LIMIT") throw;
        cache->Forget(model_.identifier());
      }
    }
  }
  model_.Compile();
  model_.Load();
  if (cache != nullptr) cache->Keep(model_.identifier(), *directory_);
  return 1;
}

bool StagedModel::LoadWith(const std::vector<mil::WeightFile>& weights) {
  return directory_->Rewrite(weights, [&] { model_.Load(); });
}

}  // namespace mayfly::ane
