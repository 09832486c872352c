// How long posix_spawn keeps its caller, whatever memory the caller holds.
//
//   spawn RESIDENT_MIB COUNT
//
// Prints the p50 and p99 of a call in microseconds, and the processor time for one, as JSON.
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char** environ;

static double Now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int Ascending(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const size_t bytes = (size_t)atol(argv[1]) << 20;
  const int count = atoi(argv[2]);
  volatile char* memory = malloc(bytes);
  if (memory == NULL) return 1;
  for (size_t at = 0; at < bytes; at += 4096) memory[at] = 1;
  double* took = malloc(sizeof(double) * (size_t)count);
  const double cpu = Now(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; i < count; ++i) {
    char* args[] = {"true", NULL};
    pid_t pid;
    const double begin = Now(CLOCK_MONOTONIC);
    if (posix_spawnp(&pid, "true", NULL, NULL, args, environ) != 0) return 1;
    took[i] = Now(CLOCK_MONOTONIC) - begin;
    waitpid(pid, NULL, 0);
  }
  const double each = (Now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / count;
  qsort(took, (size_t)count, sizeof *took, Ascending);
  printf("{\"p50\": %.3f, \"p99\": %.3f, \"cpu\": %.3f}\n", took[count / 2], took[(int)(count * 0.99)], each);
  return 0;
}
