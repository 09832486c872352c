// What the C++ library of a newer system asks of its C library, and an older one lacks.
#include <pthread.h>
#include <sys/random.h>
#include <time.h>

#define HIDDEN __attribute__((visibility("hidden")))

extern "C" {

// Since 2.30. A change of the system's time makes a wait that is under way longer or shorter.
HIDDEN int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                                  const timespec* until) {
  timespec now, deadline;
  clock_gettime(clock, &now);
  clock_gettime(CLOCK_REALTIME, &deadline);
  constexpr long kSecond = 1'000'000'000;
  deadline.tv_sec += until->tv_sec - now.tv_sec;
  deadline.tv_nsec += until->tv_nsec - now.tv_nsec;
  if (deadline.tv_nsec < 0) {
    deadline.tv_sec -= 1;
    deadline.tv_nsec += kSecond;
  } else if (deadline.tv_nsec >= kSecond) {
    deadline.tv_sec += 1;
    deadline.tv_nsec -= kSecond;
  }
  return pthread_cond_timedwait(condition, mutex, &deadline);
}

// Since 2.32. Zero: there may be threads.
HIDDEN char __libc_single_threaded;

// Since 2.36.
HIDDEN unsigned arc4random() {
  unsigned value = 0;
  while (getrandom(&value, sizeof value, 0) != sizeof value) continue;
  return value;
}

}  // extern "C"
