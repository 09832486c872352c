#include "ane/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "error.h"

namespace mayfly::ane {

FileLock FileLock::Take(const std::string& path, int operation) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) throw Error("ERR_ANE_STAGING", "Expected to open " + path + ", got: " + std::strerror(errno));
  int result;
  do {
    result = flock(fd, operation);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return FileLock(fd);
  const int error = errno;
  close(fd);
  if (error == EWOULDBLOCK) return FileLock();
  throw Error("ERR_ANE_STAGING", "Expected to lock " + path + ", got: " + std::strerror(error));
}

FileLock FileLock::Wait(const std::string& path) { return Take(path, LOCK_EX); }

FileLock FileLock::Try(const std::string& path) { return Take(path, LOCK_EX | LOCK_NB); }

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace mayfly::ane
