#pragma once

#include <sys/cdefs.h>

DARWIN_BEGIN
int sched_yield(void);
DARWIN_END
