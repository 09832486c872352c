#include "shm/unnamed_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <string>

namespace mayfly {
namespace {

OwnedFd OpenUnnamed([[maybe_unused]] const char* name) {
#ifdef __linux__
  return OwnedFd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
#else
  std::random_device random;
  for (int attempt = 0; attempt < 16; ++attempt) {
    const std::string unique = "/mayfly-" + std::to_string(random());
    // POSIX: shm_open sets close-on-exec.
    OwnedFd fd(shm_open(unique.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
    if (!fd && errno == EEXIST) continue;
    if (fd) shm_unlink(unique.c_str());
    return fd;
  }
  return OwnedFd();
#endif
}

}  // namespace

OwnedFd CreateUnnamedMemory(const char* name, uint64_t bytes) {
  OwnedFd fd = OpenUnnamed(name);
  if (!fd || ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) return OwnedFd();
#ifdef __linux__
  // A process that shrank the file would give every other one a SIGBUS.
  fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
#endif
  return fd;
}

}  // namespace mayfly
