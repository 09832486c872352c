#pragma once

#include <sys/cdefs.h>
#include <sys/types.h>

DARWIN_BEGIN
typedef uint64_t rlim_t;
#define RLIM_INFINITY (((rlim_t)1 << 63) - 1)
#define RLIMIT_NPROC 7
#define RLIMIT_NOFILE 8
struct rlimit {
  rlim_t rlim_cur, rlim_max;
};
int getrlimit(int, struct rlimit*);
DARWIN_END
