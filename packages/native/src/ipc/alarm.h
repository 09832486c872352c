// A timer with a resolution of nanoseconds and a descriptor that an event loop can poll. libuv's timers count
// milliseconds.
#pragma once

#include <cstdint>

#include "owned_fd.h"

namespace mayfly {

class Alarm {
 public:
  // False where the system has no such timer (macOS) or no descriptor left.
  bool Open();
  // Readable from the time at which the alarm goes off until Answer; -1 while not open.
  int fd() const { return fd_.get(); }
  // One shot, `nanoseconds` (> 0) from now. Replaces an earlier setting.
  void Set(uint64_t nanoseconds);
  void Answer();
  void Close() { fd_.Close(); }

 private:
  OwnedFd fd_;
};

}  // namespace mayfly
