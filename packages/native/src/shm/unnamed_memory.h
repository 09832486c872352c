// Shared memory without a name in the file system: it goes with the last process that has it open.
#pragma once

#include <cstdint>

#include "owned_fd.h"

namespace mayfly {

// A descriptor of `bytes` zero bytes, sealed against resizing where the system can do that. No descriptor, with errno
// set, on failure. `name` only appears in lists of mappings.
OwnedFd CreateUnnamedMemory(const char* name, uint64_t bytes);

}  // namespace mayfly
