// A timer of nanoseconds, which an event loop can wait for beside its descriptors: libuv's own count milliseconds.
#pragma once

#include <cstdint>

#include "owned_fd.h"

namespace mayfly {

class Alarm {
 public:
  // False where the system has none, or no descriptor for it.
  bool Open();
  // Readable from when it went off until it is answered; -1 while not open.
  int fd() const { return fd_.get(); }
  // Goes off once, so many nanoseconds from now, above 0; not when it was set to before.
  void Set(uint64_t nanoseconds);
  void Answer();
  void Close() { fd_.Close(); }

 private:
  OwnedFd fd_;
};

}  // namespace mayfly
