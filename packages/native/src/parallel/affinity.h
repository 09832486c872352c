// The processors that threads run on, and threads that stay on one of them.
#pragma once

#include <pthread.h>

#include <vector>

namespace mayfly {

// The processors that the calling thread may run on, in ascending order. Empty where the system does not say (macOS).
std::vector<int> AllowedProcessors();

// The processor that the calling thread runs on now; -1 where the system does not say.
int CurrentProcessor();

// Keeps a thread on one processor. A hint: where the system refuses, the thread stays where it is. Nothing on macOS.
void KeepOn(pthread_t thread, int processor);

}  // namespace mayfly
