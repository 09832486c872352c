// A timer of nanoseconds, which an event loop can wait for beside its descriptors: libuv's own count milliseconds.
#pragma once

#include <cstdint>

namespace mayfly {

class Alarm {
 public:
  Alarm() = default;
  ~Alarm() { Close(); }
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // False where the system has none, or no descriptor for it.
  bool Open();
  // Readable from when it went off until it is answered; -1 while not open.
  int fd() const { return fd_; }
  // Goes off once, so many nanoseconds from now, above 0; not when it was set to before.
  void Set(uint64_t nanoseconds);
  void Answer();
  void Close();

 private:
  int fd_ = -1;
};

}  // namespace mayfly
