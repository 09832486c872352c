#include "ipc/alarm.h"

#ifdef __linux__
#include <sys/timerfd.h>
#endif
#include <unistd.h>

#include <utility>

namespace mayfly {

#ifdef __linux__

bool Alarm::Open() {
  fd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  return fd_ >= 0;
}

void Alarm::Set(uint64_t nanoseconds) {
  itimerspec when{};
  when.it_value.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
  when.it_value.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);  // NOLINT(google-runtime-int): its type
  timerfd_settime(fd_, 0, &when, nullptr);
}

void Alarm::Answer() {
  uint64_t times;
  [[maybe_unused]] const ssize_t got = read(fd_, &times, sizeof times);
}

#else

bool Alarm::Open() { return false; }
void Alarm::Set(uint64_t) {}
void Alarm::Answer() {}

#endif

void Alarm::Close() {
  const int open = std::exchange(fd_, -1);
  if (open >= 0) close(open);
}

}  // namespace mayfly
