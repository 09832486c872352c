#pragma once

#include <sys/cdefs.h>
#include <sys/types.h>

DARWIN_BEGIN
#define WNOHANG 1
#define WTERMSIG(status) ((status) & 0x7f)
#define WIFEXITED(status) (WTERMSIG(status) == 0)
#define WIFSIGNALED(status) (WTERMSIG(status) != 0x7f && WTERMSIG(status) != 0)
#define WEXITSTATUS(status) (((status) >> 8) & 0xff)
pid_t waitpid(pid_t, int*, int);
DARWIN_END
