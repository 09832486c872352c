#include "ane/compiled_cache.h"

#include <unistd.h>

#include <filesystem>

#include "error.h"

namespace mayfly::ane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kArtifacts[] = {"net.plist", "data"};

}  // namespace

void CompiledCache::Restore(const std::string& identifier, const StagedDirectory& directory) const {
  if (!enabled()) return;
  for (const char* name : kArtifacts) {
    std::error_code ignored;
    fs::copy_file(fs::path(folder_) / identifier / name, fs::path(directory.path()) / name,
                  fs::copy_options::skip_existing, ignored);
  }
}

void CompiledCache::Keep(const std::string& identifier, const StagedDirectory& directory) const {
  if (!enabled()) return;
  const fs::path target = fs::path(folder_) / identifier;
  const fs::path part = fs::path(folder_) / (identifier + ".part-" + std::to_string(getpid()));
  std::error_code error;
  if (fs::exists(target, error)) return;
  fs::create_directories(part, error);
  for (const char* name : kArtifacts) {
    const fs::path source = fs::path(directory.path()) / name;
    if (!error && fs::exists(source)) fs::copy_file(source, part / name, fs::copy_options::overwrite_existing, error);
  }
  if (error) throw Error("ERR_ANE_CACHE", "Expected to keep a compiled program in " + folder_ + ", got: " + error.message());
  // Another process may have been first: then the rename fails and its copy, alike, stays.
  fs::rename(part, target, error);
  if (error) fs::remove_all(part, error);
}

void CompiledCache::Forget(const std::string& identifier) const {
  if (!enabled()) return;
  std::error_code ignored;
  fs::remove_all(fs::path(folder_) / identifier, ignored);
}

}  // namespace mayfly::ane
