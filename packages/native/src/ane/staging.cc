#include "ane/staging.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <unordered_map>

#include "ane/foundation.h"
#include "ane/staged_name.h"
#include "error.h"
#include "owned_fd.h"

namespace mayfly::ane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOwnerPrefix = ".mayfly-owner-";
constexpr const char* kLockName = ".mayfly-ane.lock";
// Exists once a staged file has been replaced: from then on the directory's contents do not match the identifier in its
// name. Locked during the replacement.
constexpr const char* kRewrittenName = ".mayfly-rewritten";

std::mutex directories_mutex;

std::unordered_map<std::string, std::weak_ptr<StagedDirectory>>& Directories() {
  static auto* const directories = new std::unordered_map<std::string, std::weak_ptr<StagedDirectory>>();
  return *directories;
}

std::string Root() {
  const AutoreleasePool pool;
  return TemporaryDirectory();
}

std::string Join(const std::string& directory, const std::string& name) {
  return (fs::path(directory) / name).string();
}

// Held while owners are added, removed or counted; never while files are written or programs compiled.
FileLock LockRoot(const std::string& root) { return FileLock::Wait(Join(root, kLockName)); }

[[noreturn]] void Fail(const std::string& what, const std::string& path, const std::string& why) {
  throw Error("ERR_ANE_STAGING", "Expected to " + what + " " + path + ", got: " + why);
}

// 0, or an errno.
int WriteFile(const std::string& path, const void* data, size_t bytes) {
  const OwnedFd file = OpenFile(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0666);
  if (!file) return errno;
  const auto* from = static_cast<const char*>(data);
  for (size_t at = 0; at < bytes;) {
    const ssize_t wrote = write(file.get(), from + at, bytes - at);
    if (wrote < 0 && errno != EINTR) return errno;
    if (wrote > 0) at += static_cast<size_t>(wrote);
  }
  return 0;
}

enum class Owners { kNone, kDead, kAlive };

// The owners of a directory. Removes owner files of dead processes. Call with the root locked.
Owners InspectOwners(const std::string& path) {
  Owners owners = Owners::kNone;
  std::error_code ignored;
  std::vector<fs::path> dead;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored)) {
    if (entry.path().filename().string().rfind(kOwnerPrefix, 0) != 0) continue;
    if (!FileLock::Try(entry.path().string()).held()) return Owners::kAlive;
    owners = Owners::kDead;
    dead.push_back(entry.path());
  }
  for (const fs::path& file : dead) fs::remove(file, ignored);
  return owners;
}

}  // namespace

std::string StagedDirectory::PathOf(const std::string& identifier) { return Join(Root(), identifier); }

std::shared_ptr<StagedDirectory> StagedDirectory::Stage(const std::string& identifier, std::string_view text,
                                                        const std::vector<mil::WeightFile>& weights) {
  std::shared_ptr<StagedDirectory> directory;
  {
    const std::lock_guard<std::mutex> lock(directories_mutex);
    std::weak_ptr<StagedDirectory>& known = Directories()[identifier];
    directory = known.lock();
    if (directory == nullptr) {
      directory = std::make_shared<StagedDirectory>(Root(), identifier);
      known = directory;
    }
    ++directory->users_;
  }
  const std::string marker = Join(directory->path_, kRewrittenName);
  std::error_code absent;
  const bool rewritten = fs::exists(marker, absent);
  const FileLock turn = rewritten ? FileLock::Wait(marker) : FileLock();
  directory->Put(kStagedText, text.data(), text.size(), false);
  for (const mil::WeightFile& file : weights) directory->Put(StagedName(file.path), file.data, file.bytes, rewritten);
  return directory;
}

bool StagedDirectory::Rewrite(const std::vector<mil::WeightFile>& weights, const std::function<void()>& load) const {
  FileLock rewriting;
  {
    // A program that stages here first becomes a user or an owner. Either this code counts it, or it sees the marker.
    // The root is not locked while the framework loads, which may hang.
    const std::lock_guard<std::mutex> directories(directories_mutex);
    const FileLock root = LockRoot(root_);
    if (users_ > 1 || HasOtherOwnerFiles()) return false;
    rewriting = FileLock::Wait(Join(path_, kRewrittenName));
  }
  for (const mil::WeightFile& file : weights) Put(StagedName(file.path), file.data, file.bytes, true);
  load();
  return true;
}

bool StagedDirectory::HasOtherOwners() const {
  const FileLock root = LockRoot(root_);
  return HasOtherOwnerFiles();
}

bool StagedDirectory::HasOtherOwnerFiles() const {
  std::error_code gone;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_, gone)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(kOwnerPrefix, 0) == 0 && entry.path().string() != owner_path_) return true;
  }
  return false;
}

StagedDirectory::StagedDirectory(const std::string& root, const std::string& identifier)
    : root_(root), path_(Join(root, identifier)) {
  static std::atomic<int> count{0};
  // The number distinguishes two objects of this process if one is made while the other is destroyed.
  owner_path_ = Join(path_, kOwnerPrefix + std::to_string(getpid()) + "-" + std::to_string(++count));
  const FileLock lock = LockRoot(root_);
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) Fail("create directory", path_, error.message());
  owner_ = FileLock::Try(owner_path_);
  if (!owner_.held()) Fail("lock", owner_path_, "a lock of another process");
}

StagedDirectory::~StagedDirectory() {
  try {
    const FileLock lock = LockRoot(root_);
    owner_ = FileLock();
    std::error_code ignored;
    fs::remove(owner_path_, ignored);
    if (InspectOwners(path_) != Owners::kAlive) fs::remove_all(path_, ignored);
  } catch (const std::exception&) {
    // The root is not writable any more. The next process removes the rest.
  }
}

void StagedDirectory::Put(const std::string& name, const void* data, size_t bytes, bool replace) const {
  const std::string target = Join(path_, name);
  std::error_code error;
  // Files appear complete, by renaming, and the identifier determines their content.
  if (!replace && fs::file_size(target, error) == bytes && !error) return;
  fs::create_directories(fs::path(target).parent_path(), error);
  if (error) Fail("create directory", fs::path(target).parent_path().string(), error.message());
  static std::atomic<int> count{0};
  const std::string part = target + ".part-" + std::to_string(getpid()) + "-" + std::to_string(++count);
  const int write_error = WriteFile(part, data, bytes);
  if (write_error != 0) {
    fs::remove(part, error);
    Fail("write", target, std::strerror(write_error));
  }
  fs::rename(part, target, error);
  if (error) Fail("rename", part, error.message());
}

int RemoveAbandonedDirectories() {
  const std::string root = Root();
  const FileLock lock = LockRoot(root);
  int removed = 0;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(root, ignored)) {
    // hexStringIdentifier: hexadecimal digests joined by underscores.
    const std::string name = entry.path().filename().string();
    if (name.size() < 32 || name.find_first_not_of("0123456789abcdefABCDEF_") != std::string::npos) continue;
    if (!entry.is_directory(ignored) || InspectOwners(entry.path().string()) != Owners::kDead) continue;
    fs::remove_all(entry.path(), ignored);
    ++removed;
  }
  return removed;
}

}  // namespace mayfly::ane
