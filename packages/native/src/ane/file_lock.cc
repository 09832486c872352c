#include "ane/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "error.h"

namespace mayfly::ane {
namespace {

[[noreturn]] void Fail(const char* what, const std::string& path, const std::string& why) {
  throw Error("ERR_ANE_STAGING", std::string("Expected to ") + what + " lock file " + path + ", got: " + why);
}

}  // namespace

FileLock FileLock::Take(const std::string& path, int operation) {
  for (;;) {
    OwnedFd fd = OpenFile(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
    if (!fd) Fail("open", path, errno == ELOOP ? "a symbolic link" : std::strerror(errno));
    struct stat status;
    if (fstat(fd.get(), &status) != 0) Fail("open", path, std::strerror(errno));
    if (!S_ISREG(status.st_mode)) Fail("open", path, "something that is no regular file");
    int result;
    do {
      result = flock(fd.get(), operation);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
      if (errno == EWOULDBLOCK) return FileLock();
      Fail("lock", path, std::strerror(errno));
    }
    FileLock lock(std::move(fd));
    if (lock.IsAt(path)) return lock;
  }
}

bool FileLock::IsAt(const std::string& path) const {
  const OwnedFd fd = OpenFile(path.c_str(), O_RDONLY | O_NOFOLLOW);
  struct stat mine;
  struct stat there;
  return fd && fstat(fd_.get(), &mine) == 0 && fstat(fd.get(), &there) == 0 && mine.st_dev == there.st_dev &&
         mine.st_ino == there.st_ino;
}

void FileLock::Remove(const std::string& path) {
  if (held() && flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  fd_.Close();
}

FileLock FileLock::Wait(const std::string& path) { return Take(path, LOCK_EX); }

FileLock FileLock::WaitShared(const std::string& path) { return Take(path, LOCK_SH); }

FileLock FileLock::Try(const std::string& path) { return Take(path, LOCK_EX | LOCK_NB); }

}  // namespace mayfly::ane
