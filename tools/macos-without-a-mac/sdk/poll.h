#pragma once

#include <sys/cdefs.h>

DARWIN_BEGIN
#define POLLIN 0x1
#define POLLOUT 0x4
#define POLLERR 0x8
#define POLLHUP 0x10
struct pollfd {
  int fd;
  short events, revents;
};
typedef unsigned int nfds_t;
int poll(struct pollfd*, nfds_t, int);
DARWIN_END
