// The processors that a process may run on, and threads kept on one of them. Linux only: elsewhere none are known.
#pragma once

#include <pthread.h>

#include <vector>

namespace mayfly {

// Those that the calling thread may run on, ascending; empty where the system does not tell.
std::vector<int> AllowedProcessors();

// Where the calling thread runs now; -1 where the system does not tell.
int CurrentProcessor();

// Keeps a thread on one processor. Only a hint: where the system refuses, the thread stays where it is.
void KeepOn(pthread_t thread, int processor);

}  // namespace mayfly
