// An exclusive lock on a file, given up by the kernel when the process dies.
#pragma once

#include <string>
#include <utility>

#include "owned_fd.h"

namespace mayfly::ane {

class FileLock {
 public:
  FileLock() = default;
  // Creates the file where absent and waits for the lock. Throws ERR_ANE_STAGING, also where the path is no regular
  // file: through a symbolic link, a stranger could have any file of this user made.
  static FileLock Wait(const std::string& path);
  // One that holds nothing if another process (or another FileLock) has it.
  static FileLock Try(const std::string& path);

  bool held() const { return static_cast<bool>(fd_); }

 private:
  explicit FileLock(OwnedFd fd) : fd_(std::move(fd)) {}
  static FileLock Take(const std::string& path, int operation);

  OwnedFd fd_;
};

}  // namespace mayfly::ane
