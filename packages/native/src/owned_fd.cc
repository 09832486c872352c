#include "owned_fd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace mayfly {

void OwnedFd::Close() {
  const int fd = Release();
  if (fd < 0) return;
  const int error = errno;
  close(fd);
  errno = error;
}

void SetCloseOnExec(int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }
void SetNonBlocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

#ifdef __linux__

std::array<OwnedFd, 2> MakePipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {};
  return {OwnedFd(ends[0]), OwnedFd(ends[1])};
}

std::array<OwnedFd, 2> MakeSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return {};
  return {OwnedFd(ends[0]), OwnedFd(ends[1])};
}

#else

// macOS has neither flag. libuv and spawn.cc start programs by posix_spawn and ask it to close every descriptor that
// they do not name, so only a bare fork and exec at this moment would inherit the new ones.
std::array<OwnedFd, 2> MakePipe() {
  int ends[2];
  if (pipe(ends) != 0) return {};
  for (const int end : ends) SetCloseOnExec(end);
  return {OwnedFd(ends[0]), OwnedFd(ends[1])};
}

std::array<OwnedFd, 2> MakeSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return {};
  for (const int end : ends) SetCloseOnExec(end);
  return {OwnedFd(ends[0]), OwnedFd(ends[1])};
}

#endif

OwnedFd DuplicateFrom(int fd, int least) { return OwnedFd(fcntl(fd, F_DUPFD_CLOEXEC, least)); }

OwnedFd OpenFile(const char* path, int flags, unsigned mode) {
  int fd;
  do {
    fd = open(path, flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  return OwnedFd(fd);
}

}  // namespace mayfly
