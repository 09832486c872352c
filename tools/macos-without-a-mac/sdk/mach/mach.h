#pragma once

#include <stdint.h>
#include <sys/cdefs.h>

typedef unsigned int mach_port_t;
typedef mach_port_t semaphore_t;
