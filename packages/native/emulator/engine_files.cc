// The identifier of a model, and its files on disk.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine_model.h"
#include "engine_options.h"

namespace mayfly::emulator {
namespace {

namespace fs = std::filesystem;

// A digest of 256 bits: four FNV-1a hashes of 64 bits, each with a different basis.
class Digest {
 public:
  void Add(const void* data, size_t count) {
    const auto* bytes = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < count; ++i) words_[i & 3] = (words_[i & 3] ^ bytes[i]) * 0x100000001b3ull;
    for (uint64_t& word : words_) word = (word ^ count) * 0x100000001b3ull;
  }

  std::string Text() const {
    char text[65];
    std::snprintf(text, sizeof text, "%016llX%016llX%016llX%016llX", static_cast<unsigned long long>(words_[0]),
                  static_cast<unsigned long long>(words_[1]), static_cast<unsigned long long>(words_[2]),
                  static_cast<unsigned long long>(words_[3]));
    return text;
  }

 private:
  uint64_t words_[4] = {0xcbf29ce484222325ull, 0x9ae16a3b2f90404full, 0x2545f4914f6cdd1dull, 0x9e3779b97f4a7c15ull};
};

std::string WithoutPrefix(const std::string& path) {
  const std::string prefix = "@model_path/";
  return path.rfind(prefix, 0) == 0 ? path.substr(prefix.size()) : path;
}

bool Read(const fs::path& path, std::vector<uint8_t>* bytes) {
  std::ifstream file(path, std::ios::binary);
  bytes->assign(std::istreambuf_iterator<char>(file), {});
  return file.is_open();
}

}  // namespace

std::string IdentifierOf(const EngineModel& model) {
  Digest text;
  text.Add(model.text.data(), model.text.size());
  Digest weights;
  for (const EngineModel::File& file : model.files) {
    weights.Add(file.path.data(), file.path.size());
    weights.Add(file.bytes.data(), file.bytes.size());
  }
  if (EngineOptions::Get().identity_of_text) weights = Digest();
  return text.Text() + "_" + Digest().Text() + "_" + weights.Text();
}

bool ReadFolder(const std::string& folder, EngineModel* model) {
  std::vector<uint8_t> text;
  if (!Read(fs::path(folder) / "model.mil", &text)) return false;
  model->text.assign(text.begin(), text.end());
  model->files.clear();
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, ignored)) {
    const std::string name = fs::relative(entry.path(), folder, ignored).string();
    if (!entry.is_regular_file(ignored) || name == "model.mil" || name[0] == '.') continue;
    model->files.push_back({"@model_path/" + name, {}});
    Read(entry.path(), &model->files.back().bytes);
  }
  std::sort(model->files.begin(), model->files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return true;
}

std::string DigestOf(const std::string& folder, const std::string& key) {
  Digest digest;
  digest.Add(folder.data(), folder.size());
  digest.Add(key.data(), key.size());
  return digest.Text();
}

std::string StagingFault(const EngineModel& model, const std::string& directory) {
  std::vector<uint8_t> bytes;
  if (!Read(fs::path(directory) / "model.mil", &bytes)) return "no model.mil in " + directory;
  if (std::string(bytes.begin(), bytes.end()) != model.text) return "model.mil is not the text of the descriptor";
  for (const EngineModel::File& file : model.files) {
    const fs::path path = fs::path(directory) / WithoutPrefix(file.path);
    if (!Read(path, &bytes)) return "no weight file " + path.string();
    if (bytes != file.bytes) return path.string() + " has not the bytes of the descriptor";
  }
  return "";
}

std::vector<EngineModel::File> ReadStaged(const EngineModel& model, const std::string& directory) {
  std::vector<EngineModel::File> files;
  for (const EngineModel::File& file : model.files) {
    files.push_back({file.path, {}});
    Read(fs::path(directory) / WithoutPrefix(file.path), &files.back().bytes);
  }
  return files;
}

}  // namespace mayfly::emulator
