// What the C++ library of a newer system asks of its C library, and an older one lacks.
#include <sys/random.h>

#define HIDDEN __attribute__((visibility("hidden")))

extern "C" {

// Since 2.32. Zero: there may be threads.
HIDDEN char __libc_single_threaded;

// Since 2.36.
HIDDEN unsigned arc4random() {
  unsigned value = 0;
  while (getrandom(&value, sizeof value, 0) != sizeof value) continue;
  return value;
}

}  // extern "C"
