// The least that a round trip between two processes costs on this machine: what the pool is measured against.
//
//   ping MODE [--count N] [--warmup N] [--gap MICROSECONDS] [--pin]
//
// socket  64-byte frames over a unix socket pair, both sides block in read
// pipe    64-byte frames over two pipes
// event   futex towards the child, eventfd and epoll towards the parent: the parent could run an event loop
// spin    both sides watch a word of shared memory and never sleep
//
// --pin puts the parent on CPU 0 and the child on CPU 1. --gap sleeps before each ping. One line of JSON comes out: the
// p50 and p99 of a round trip and the parent's processor time for one, in microseconds.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kFrame = 64, kLine = 64 };

// Each word has its own cache line.
struct Shared {
  _Alignas(kLine) _Atomic uint32_t ping;
  _Alignas(kLine) _Atomic uint32_t pong;
};

static struct Shared* shared;
static int to_child[2], to_parent[2], event_fd, epoll_fd;

static void Die(const char* what) {
  perror(what);
  exit(1);
}

static double Now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void Pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) Die("sched_setaffinity");
}

static void Read(int fd) {
  char frame[kFrame];
  if (read(fd, frame, sizeof frame) <= 0) exit(0);
}

static void Write(int fd) {
  static const char frame[kFrame];
  if (write(fd, frame, sizeof frame) != kFrame) exit(0);
}

static void FutexWait(_Atomic uint32_t* word, uint32_t seen) {
  while (atomic_load(word) == seen) syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static void StreamPing(void) {
  Write(to_child[1]);
  Read(to_parent[0]);
}

static void StreamPong(uint32_t round) {
  (void)round;
  Read(to_child[0]);
  Write(to_parent[1]);
}

static void EventPing(void) {
  atomic_fetch_add(&shared->ping, 1);
  syscall(SYS_futex, &shared->ping, FUTEX_WAKE, 1, NULL, NULL, 0);
  struct epoll_event event;
  while (epoll_wait(epoll_fd, &event, 1, -1) < 1) continue;
  uint64_t count;
  if (read(event_fd, &count, sizeof count) != sizeof count) Die("eventfd");
}

static void EventPong(uint32_t round) {
  FutexWait(&shared->ping, round);
  const uint64_t one = 1;
  if (write(event_fd, &one, sizeof one) != sizeof one) exit(0);
}

static void SpinPing(void) {
  const uint32_t round = atomic_fetch_add(&shared->ping, 1);
  while (atomic_load(&shared->pong) == round) __builtin_ia32_pause();
}

static void SpinPong(uint32_t round) {
  while (atomic_load(&shared->ping) == round) __builtin_ia32_pause();
  atomic_fetch_add(&shared->pong, 1);
}

static int Ascending(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static void Open(const char* mode) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) Die("mmap");
  if (strcmp(mode, "socket") == 0) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) Die("socketpair");
    to_child[1] = to_parent[0] = ends[0];
    to_child[0] = to_parent[1] = ends[1];
  } else if (strcmp(mode, "pipe") == 0) {
    if (pipe(to_child) != 0 || pipe(to_parent) != 0) Die("pipe");
  } else if (strcmp(mode, "event") == 0) {
    event_fd = eventfd(0, 0);
    epoll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event_fd, &event) != 0) Die("epoll_ctl");
  } else if (strcmp(mode, "spin") != 0) {
    fprintf(stderr, "Expected a mode (socket, pipe, event, spin), got %s\n", mode);
    exit(2);
  }
}

int main(int argc, char** argv) {
  const char* mode = argc > 1 ? argv[1] : "";
  int count = 10000, warmup = 1000, gap = 0, pin = 0;
  for (int i = 2; i < argc; ++i) {
    if (strcmp(argv[i], "--pin") == 0)
      pin = 1;
    else if (i + 1 < argc && strcmp(argv[i], "--count") == 0)
      count = atoi(argv[++i]);
    else if (i + 1 < argc && strcmp(argv[i], "--warmup") == 0)
      warmup = atoi(argv[++i]);
    else if (i + 1 < argc && strcmp(argv[i], "--gap") == 0)
      gap = atoi(argv[++i]);
  }
  Open(mode);
  const int event = strcmp(mode, "event") == 0, spin = strcmp(mode, "spin") == 0;
  void (*ping)(void) = event ? EventPing : spin ? SpinPing : StreamPing;
  void (*pong)(uint32_t) = event ? EventPong : spin ? SpinPong : StreamPong;

  const pid_t child = fork();
  if (child < 0) Die("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (pin) Pin(1);
    for (int round = 0; round < warmup + count; ++round) pong((uint32_t)round);
    _exit(0);
  }
  if (pin) Pin(0);
  double* took = malloc(sizeof(double) * (size_t)count);
  double cpu = 0;
  for (int i = -warmup; i < count; ++i) {
    if (i == 0) cpu = Now(CLOCK_PROCESS_CPUTIME_ID);
    if (gap > 0) usleep((useconds_t)gap);
    const double begin = Now(CLOCK_MONOTONIC);
    ping();
    if (i >= 0) took[i] = Now(CLOCK_MONOTONIC) - begin;
  }
  cpu = Now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
  waitpid(child, NULL, 0);
  qsort(took, (size_t)count, sizeof *took, Ascending);
  printf("{\"p50\": %.3f, \"p99\": %.3f, \"cpu\": %.3f}\n", took[count / 2], took[(int)(count * 0.99)], cpu / count);
  return 0;
}
