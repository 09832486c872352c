#include "ane/compiled_cache.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

namespace mayfly::ane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kArtifacts[] = {"net.plist", "data"};

// The version of the kernel, which changes with every update of the system.
std::string Release() {
  utsname system;
  return uname(&system) == 0 ? std::string(system.sysname) + "-" + system.release : "unknown";
}

}  // namespace

CompiledCache::CompiledCache(const std::string& folder, const std::string& chip) {
  if (!folder.empty()) folder_ = (fs::path(folder) / (Release() + (chip.empty() ? "" : "-" + chip))).string();
}

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
    std::error_code absent;
    if (!error && fs::exists(source, absent))
      fs::copy_file(source, part / name, fs::copy_options::overwrite_existing, error);
  }
  if (error) {
    std::fprintf(stderr, "mayfly: Expected to keep a compiled program in %s, got: %s\n", folder_.c_str(),
                 error.message().c_str());
    fs::remove_all(part, error);
    return;
  }
  // If another process was faster, the rename fails, and its copy, which has the same content, stays.
  fs::rename(part, target, error);
  if (error) fs::remove_all(part, error);
}

void CompiledCache::Forget(const std::string& identifier) const {
  if (!enabled()) return;
  std::error_code ignored;
  fs::remove_all(fs::path(folder_) / identifier, ignored);
}

}  // namespace mayfly::ane
