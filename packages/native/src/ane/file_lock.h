// A lock on a file, which the kernel releases when the process dies.
#pragma once

#include <string>
#include <utility>

#include "owned_fd.h"

namespace mayfly::ane {

class FileLock {
 public:
  FileLock() = default;
  // Creates the file if it does not exist, and waits for the lock. Throws ERR_ANE_STAGING, also if the path is not a
  // regular file: through a symbolic link, somebody else could make this user create any file.
  static FileLock Wait(const std::string& path);
  // The same for a lock that several may hold at once, but not together with one from Wait.
  static FileLock WaitShared(const std::string& path);
  // A FileLock that holds nothing if another process or FileLock holds the lock.
  static FileLock Try(const std::string& path);

  bool held() const { return static_cast<bool>(fd_); }
  // Gives the lock up, and removes its file unless somebody else holds it. Who waits for it locks a new file.
  void Remove(const std::string& path);

 private:
  explicit FileLock(OwnedFd fd) : fd_(std::move(fd)) {}
  static FileLock Take(const std::string& path, int operation);
  // Whether the locked file is the one at `path`, and not one that was removed.
  bool IsAt(const std::string& path) const;

  OwnedFd fd_;
};

}  // namespace mayfly::ane
