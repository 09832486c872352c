#include "shm/unnamed_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <random>
#include <string>

namespace mayfly {
namespace {

int OpenUnnamed([[maybe_unused]] const char* name) {
#ifdef __linux__
  return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
#else
  std::random_device random;
  for (int attempt = 0; attempt < 16; ++attempt) {
    const std::string unique = "/mayfly-" + std::to_string(random());
    const int fd = shm_open(unique.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 && errno == EEXIST) continue;
    if (fd >= 0) shm_unlink(unique.c_str());
    return fd;
  }
  return -1;
#endif
}

}  // namespace

int CreateUnnamedMemory(const char* name, uint64_t bytes) {
  const int fd = OpenUnnamed(name);
  if (fd < 0) return -1;
  if (ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
#ifdef __linux__
  // A process that shrank the file would give every other one a SIGBUS.
  fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
#endif
  return fd;
}

}  // namespace mayfly
