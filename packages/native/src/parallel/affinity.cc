#include "parallel/affinity.h"

#include <cstddef>

#ifdef __linux__
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#endif

namespace mayfly {

#ifdef __linux__

std::vector<int> AllowedProcessors() {
  std::vector<int> processors;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return processors;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &set)) processors.push_back(processor);
  }
  return processors;
}

int CurrentProcessor() { return sched_getcpu(); }

void KeepOn(pthread_t thread, const std::vector<int>& processors) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int processor : processors) CPU_SET(processor, &set);
  pthread_setaffinity_np(thread, sizeof set, &set);
}

std::chrono::nanoseconds TimeWithoutProcessor() {
  const int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  char text[96];
  const ssize_t bytes = read(fd, text, sizeof text - 1);
  close(fd);
  text[bytes > 0 ? bytes : 0] = '\0';
  // Nanoseconds on a processor, nanoseconds in a queue for one, turns.
  int64_t waited = 0;
  return std::chrono::nanoseconds(std::sscanf(text, "%*s %" SCNd64, &waited) == 1 ? waited : 0);
}

#else

std::vector<int> AllowedProcessors() { return {}; }

int CurrentProcessor() {
#ifdef __APPLE__
  size_t processor;
  if (pthread_cpu_number_np(&processor) == 0) return static_cast<int>(processor);
#endif
  return -1;
}

void KeepOn(pthread_t, const std::vector<int>&) {}

std::chrono::nanoseconds TimeWithoutProcessor() { return {}; }

#endif

}  // namespace mayfly
