// The processors that threads run on, threads that stay on some of them, and the time that a thread waits for one.
#pragma once

#include <pthread.h>

#include <chrono>
#include <vector>

namespace mayfly {

// The processors that the calling thread may run on, in ascending order. Empty where the system does not say (macOS).
std::vector<int> AllowedProcessors();

// The processor that the calling thread runs on now; -1 where the system does not say.
int CurrentProcessor();

// Keeps a thread on some processors. A hint: where the system refuses, the thread stays where it is. Nothing on macOS.
void KeepOn(pthread_t thread, const std::vector<int>& processors);

// On macOS, asks for the processors and the clock of work that a user waits for: threads without a class of service may
// be put on efficiency cores, and callers wait for the slowest thread.
void HurryThisThread();

// Names a thread that Mayfly started, and hurries it.
void PrepareThisThread(const char* name);

// The time for which the calling thread could have run and had no processor. 0 where the system does not say (macOS).
std::chrono::nanoseconds TimeWithoutProcessor();

}  // namespace mayfly
