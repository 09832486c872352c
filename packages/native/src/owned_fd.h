// File descriptors with an owner. This addon opens every descriptor close-on-exec at once: between opening it and
// setting the flag, another thread could start a program that inherits it.
#pragma once

#include <array>
#include <utility>

namespace mayfly {

// Closes its descriptor, if it has one, in the destructor.
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

// Where the system refuses, each of these returns no descriptor and leaves errno set.

// Bytes written to the second are read from the first.
std::array<OwnedFd, 2> MakePipe();
// Two joined stream sockets.
std::array<OwnedFd, 2> MakeSocketPair();
// A second descriptor of the same file, numbered `least` or more.
OwnedFd DuplicateFrom(int fd, int least);
// open(2), begun again where a signal interrupts it.
OwnedFd OpenFile(const char* path, int flags, unsigned mode = 0);

// For an inherited descriptor.
void SetCloseOnExec(int fd);
void SetNonBlocking(int fd);

}  // namespace mayfly
