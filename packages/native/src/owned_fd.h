// File descriptors with an owner. Whatever this addon opens is close-on-exec from birth: set afterwards, another thread
// could start a program in between, which would inherit it.
#pragma once

#include <array>
#include <utility>

namespace mayfly {

// Closes its descriptor, if it has one, unless that is released.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.Release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    other.Close();
    return *this;
  }
  ~OwnedFd() { Close(); }

  // -1 without a descriptor.
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  // Leaves errno as it is.
  void Close();

 private:
  int fd_ = -1;
};

// Each of these answers with errno set, and without a descriptor, where the system refuses.

// What is read from the first was written to the second.
std::array<OwnedFd, 2> MakePipe();
// Two joined stream sockets.
std::array<OwnedFd, 2> MakeSocketPair();
// A second descriptor of the same file, numbered `least` or more.
OwnedFd DuplicateFrom(int fd, int least);
// open(2), begun again where a signal interrupts it.
OwnedFd OpenFile(const char* path, int flags, unsigned mode = 0);

// For a descriptor that was inherited, and so cannot have been born with it.
void SetCloseOnExec(int fd);
void SetNonBlocking(int fd);

}  // namespace mayfly
