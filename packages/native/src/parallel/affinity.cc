#include "parallel/affinity.h"

#include <cstddef>

#ifdef __linux__
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#endif

#ifdef __APPLE__
#include <dlfcn.h>
#include <pthread/qos.h>
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

void HurryThisThread() {}

void PrepareThisThread(const char* name) { pthread_setname_np(pthread_self(), name); }

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

#ifdef __APPLE__

namespace {

template <class Function>
Function Find(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

}  // namespace

int CurrentProcessor() {
  static const auto number = Find<int (*)(size_t*)>("pthread_cpu_number_np");
  size_t processor;
  return number != nullptr && number(&processor) == 0 ? static_cast<int>(processor) : -1;
}

void HurryThisThread() {
  static const auto set_class = Find<int (*)(qos_class_t, int)>("pthread_set_qos_class_self_np");
  if (set_class != nullptr) set_class(QOS_CLASS_USER_INTERACTIVE, 0);
}

void PrepareThisThread(const char* name) {
  pthread_setname_np(name);
  HurryThisThread();
}

#else

int CurrentProcessor() { return -1; }

void HurryThisThread() {}

void PrepareThisThread(const char*) {}

#endif

void KeepOn(pthread_t, const std::vector<int>&) {}

std::chrono::nanoseconds TimeWithoutProcessor() { return {}; }

#endif

}  // namespace mayfly
