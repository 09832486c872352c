#include "ane/staged_model.h"

#include "error.h"

namespace mayfly::ane {

StagedModel::StagedModel(Api api, std::string_view text, const std::vector<mil::WeightFile>& weights,
                         unsigned quality_of_service)
    : model_(api, text, weights, quality_of_service) {
  directory_ = StagedDirectory::Stage(model_.identifier(), text, weights);
}

StagedModel::~StagedModel() {
  PrintFailure([this] {
    if (model_.loaded()) model_.Unload();
  });
  PrintFailure([this] {
    const bool is_last = directory_.use_count() == 1 && model_.IsCompiled() && !directory_->HasOtherOwners();
    if (is_last) model_.Purge();
  });
}

int StagedModel::CompileAndLoad() {
  if (model_.IsCompiled()) {
    try {
      model_.Load();
      return 0;
    } catch (const Error& error) {
      // At a limit, another compilation would not help.
      if (error.code() == "ERR_DEVICE_LIMIT") throw;
      model_.Purge();
    }
  }
  model_.Compile();
  model_.Load();
  return 1;
}

bool StagedModel::LoadWith(const std::vector<mil::WeightFile>& weights) {
  return directory_->Rewrite(weights, [&] { model_.Load(); });
}

}  // namespace mayfly::ane
