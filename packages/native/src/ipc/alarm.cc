#include "ipc/alarm.h"

#ifdef __linux__
#include <sys/timerfd.h>
#endif
#include <unistd.h>

namespace mayfly {

#ifdef __linux__

bool Alarm::Open() {
  fd_ = OwnedFd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  return static_cast<bool>(fd_);
}

void Alarm::Set(uint64_t nanoseconds) {
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);  // NOLINT(google-runtime-int): its type
  timerfd_settime(fd_.get(), 0, &when, nullptr);
}

void Alarm::Answer() {
  uint64_t times;
  [[maybe_unused]] const ssize_t got = read(fd_.get(), &times, sizeof times);
}

#else

bool Alarm::Open() { return false; }
void Alarm::Set(uint64_t) {}
void Alarm::Answer() {}

#endif

}  // namespace mayfly
