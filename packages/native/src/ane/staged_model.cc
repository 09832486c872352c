#include "ane/staged_model.h"

#include <optional>
#include <utility>

#include "error.h"

namespace mayfly::ane {

StagedModel::StagedModel(Api api, std::string text, const std::vector<mil::WeightFile>& weights,
                         unsigned quality_of_service)
    : text_(std::move(text)), model_(api, text_, weights, quality_of_service), directory_(model_.identifier()) {}

StagedModel::~StagedModel() {
  std::optional<StagedDirectory::Turn> turn;
  PrintFailure([&] { TakeAlone(&turn); });
  PrintFailure([this] {
    if (model_.loaded()) model_.Unload();
  });
  PrintFailure([this] {
    if (model_.IsCompiled() && !directory_.HasOtherOwners()) model_.Purge();
  });
}

int StagedModel::CompileAndLoad(const std::vector<mil::WeightFile>& weights) {
  const StagedDirectory::Turn turn(directory_, StagedDirectory::Turn::kShared);
  directory_.Write(text_, weights);
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

void StagedModel::LoadWith(const std::vector<mil::WeightFile>& weights) {
  const StagedDirectory::Turn turn(directory_, StagedDirectory::Turn::kShared);
  directory_.Write(text_, weights);
  model_.Load();
}

void StagedModel::Unload() {
  std::optional<StagedDirectory::Turn> turn;
  TakeAlone(&turn);
  model_.Unload();
}

void StagedModel::TakeAlone(std::optional<StagedDirectory::Turn>* turn) const {
  try {
    turn->emplace(directory_, StagedDirectory::Turn::kAlone);
  } catch (const Error&) {
    // The temporary directory is not writable any more, and nobody can stage a program there.
  }
}

}  // namespace mayfly::ane
