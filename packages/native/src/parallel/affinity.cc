#include "parallel/affinity.h"

#include <cstddef>

#ifdef __linux__
#include <sched.h>
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

void KeepOn(pthread_t thread, int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  pthread_setaffinity_np(thread, sizeof set, &set);
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

void KeepOn(pthread_t, int) {}

#endif

}  // namespace mayfly
