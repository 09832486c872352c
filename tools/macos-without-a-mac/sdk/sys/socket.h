#pragma once

#include <sys/cdefs.h>
#include <sys/types.h>

DARWIN_BEGIN
#define AF_UNIX 1
#define SOCK_STREAM 1
#define SOL_SOCKET 0xffff
#define SO_NOSIGPIPE 0x1022
#define SO_SNDBUF 0x1001
#define SO_RCVBUF 0x1002
#define MSG_DONTWAIT 0x80
#define MSG_NOSIGNAL 0x80000
typedef uint32_t socklen_t;
typedef uint8_t sa_family_t;
struct sockaddr {
  uint8_t sa_len;
  sa_family_t sa_family;
  char sa_data[14];
};
struct sockaddr_storage {
  uint8_t ss_len;
  sa_family_t ss_family;
  char padding[126];
};
struct iovec {
  void* iov_base;
  size_t iov_len;
};
struct msghdr {
  void* msg_name;
  socklen_t msg_namelen;
  struct iovec* msg_iov;
  int msg_iovlen;
  void* msg_control;
  socklen_t msg_controllen;
  int msg_flags;
};
int socketpair(int, int, int, int[2]);
int setsockopt(int, int, int, const void*, socklen_t);
ssize_t send(int, const void*, size_t, int);
ssize_t sendmsg(int, const struct msghdr*, int);
ssize_t recv(int, void*, size_t, int);
int shutdown(int, int);
DARWIN_END
