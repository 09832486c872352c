#include "ane/staged_model.h"

namespace mayfly::ane {

StagedModel::StagedModel(std::string_view text, const std::vector<mil::WeightFile>& weights,
                         unsigned quality_of_service)
    : model_(text, weights, quality_of_service) {
  directory_ = StagedDirectory::Stage(model_.identifier(), text, weights);
}

void StagedModel::CompileAndLoad() {
  model_.Compile();
  model_.Load();
}

bool StagedModel::LoadWith(const std::vector<mil::WeightFile>& weights) {
  return directory_->Rewrite(weights, [&] { model_.Load(); });
}

}  // namespace mayfly::ane
