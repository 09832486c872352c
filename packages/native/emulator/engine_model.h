// The internals of a model.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "device/device.h"
#include "engine.h"
#include "sim/refusals.h"

struct EngineModel {
  struct File {
    std::string path;
    std::vector<uint8_t> bytes;
  };

  std::string text;
  std::vector<File> files;
  std::string identifier;
  // Of an _ANEModel; empty for the others.
  std::string folder;
  std::string key;
  std::mutex mutex;
  bool was_loaded = false;
  // MAYFLY_EMULATOR_REFUSE applies to it; set by compiling and loading.
  std::optional<mayfly::sim::Refusal> refusal;
  // Set while loaded.
  std::unique_ptr<mayfly::Program> program;
};

namespace mayfly::emulator {

long LiveModels();
long LoadedModels();

// Hexadecimal digests of text, options (none) and weights, joined by underscores.
std::string IdentifierOf(const EngineModel& model);

// What the files of a folder are: the text, and every other file as a weight file. Returns false without a text.
bool ReadFolder(const std::string& folder, EngineModel* model);
// A digest of a folder's path and of a key.
std::string DigestOf(const std::string& folder, const std::string& key);

// Null if every file is staged under `directory` with exactly the model's bytes; otherwise a description of the
// mistake.
std::string StagingFault(const EngineModel& model, const std::string& directory);
// The weights that the files under `directory` have now.
std::vector<EngineModel::File> ReadStaged(const EngineModel& model, const std::string& directory);

}  // namespace mayfly::emulator
