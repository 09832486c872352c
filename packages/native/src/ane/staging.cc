#include "ane/staging.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "ane/foundation.h"
#include "ane/staged_name.h"
#include "error.h"
#include "owned_fd.h"

namespace mayfly::ane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOwnerPrefix = ".mayfly-owner-";
constexpr const char* kLockName = ".mayfly-ane.lock";
constexpr const char* kLockSuffix = ".lock";
constexpr const char* kTurnPrefix = ".mayfly-ane-";

std::string Root() {
  const AutoreleasePool pool;
  return TemporaryDirectory();
}

std::string Join(const std::string& directory, const std::string& name) {
  return (fs::path(directory) / name).string();
}

bool StartsWith(const std::string& text, const std::string& prefix) { return text.rfind(prefix, 0) == 0; }

// Empty if there is no such directory: others may remove it at any time.
std::vector<fs::path> EntriesOf(const std::string& directory) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    entries.push_back(at->path());
  }
  return entries;
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
  for (const fs::path& entry : EntriesOf(path)) {
    if (!StartsWith(entry.filename().string(), kOwnerPrefix)) continue;
    if (!FileLock::Try(entry.string()).held()) return Owners::kAlive;
    owners = Owners::kDead;
    dead.push_back(entry);
  }
  for (const fs::path& file : dead) fs::remove(file, ignored);
  return owners;
}

}  // namespace

StagedDirectory::Turn::Turn(const StagedDirectory& directory, Kind kind)
    : path_(Join(directory.root_, kTurnPrefix + fs::path(directory.path_).filename().string() + kLockSuffix)),
      lock_(kind == kAlone ? FileLock::Wait(path_) : FileLock::WaitShared(path_)) {}

StagedDirectory::Turn::~Turn() { lock_.Remove(path_); }

std::string StagedDirectory::PathOf(const std::string& identifier) { return Join(Root(), identifier); }

bool StagedDirectory::HasOtherOwners() const {
  const FileLock lock = LockRoot(root_);
  for (const fs::path& entry : EntriesOf(path_)) {
    if (StartsWith(entry.filename().string(), kOwnerPrefix) && entry.string() != owner_path_) return true;
  }
  return false;
}

StagedDirectory::StagedDirectory(const std::string& identifier) : root_(Root()), path_(Join(root_, identifier)) {
  static std::atomic<int> count{0};
  owner_path_ = Join(path_, kOwnerPrefix + std::to_string(getpid()) + "-" + std::to_string(++count));
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

void StagedDirectory::Write(std::string_view text, const std::vector<mil::WeightFile>& weights) {
  {
    const FileLock lock = LockRoot(root_);
    std::error_code error;
    fs::create_directories(path_, error);
    if (error) Fail("create directory", path_, error.message());
    // The file of an earlier lock may have been removed with the directory.
    owner_ = FileLock();
    owner_ = FileLock::Try(owner_path_);
    if (!owner_.held()) Fail("lock", owner_path_, "a lock of another process");
  }
  Put(kStagedText, text.data(), text.size());
  for (const mil::WeightFile& file : weights) Put(StagedName(file.path), file.data, file.bytes);
}

void StagedDirectory::Put(const std::string& name, const void* data, size_t bytes) const {
  const std::string target = Join(path_, name);
  std::error_code error;
  fs::create_directories(fs::path(target).parent_path(), error);
  if (error) Fail("create directory", fs::path(target).parent_path().string(), error.message());
  // Files appear complete, by renaming: somebody who shares the directory may read them meanwhile.
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
  for (const fs::path& entry : EntriesOf(root)) {
    const std::string name = entry.filename().string();
    if (StartsWith(name, kTurnPrefix)) FileLock::Try(entry.string()).Remove(entry.string());
    // hexStringIdentifier: hexadecimal digests joined by underscores.
    if (name.size() < 32 || name.find_first_not_of("0123456789abcdefABCDEF_") != std::string::npos) continue;
    if (!fs::is_directory(entry, ignored) || InspectOwners(entry.string()) != Owners::kDead) continue;
    fs::remove_all(entry, ignored);
    ++removed;
  }
  return removed;
}

}  // namespace mayfly::ane
