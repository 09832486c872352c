#pragma once

#include <sys/cdefs.h>

DARWIN_BEGIN
#define LOCK_SH 1
#define LOCK_EX 2
#define LOCK_NB 4
#define LOCK_UN 8
int flock(int, int);
DARWIN_END
