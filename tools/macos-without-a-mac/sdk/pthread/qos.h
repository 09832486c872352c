#pragma once

#include <sys/cdefs.h>

DARWIN_BEGIN
typedef enum { QOS_CLASS_USER_INTERACTIVE = 0x21 } qos_class_t;
DARWIN_END
