// An exclusive lock on a file, given up by the kernel when the process dies.
#pragma once

#include <string>

namespace mayfly::ane {

class FileLock {
 public:
  FileLock() = default;
  // Creates the file where absent and waits for the lock. Throws ERR_ANE_STAGING.
  static FileLock Wait(const std::string& path);
  // One that holds nothing if another process (or another FileLock) has it.
  static FileLock Try(const std::string& path);

  FileLock(FileLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

  bool held() const { return fd_ >= 0; }

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  static FileLock Take(const std::string& path, int operation);

  int fd_ = -1;
};

}  // namespace mayfly::ane
