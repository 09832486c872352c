// Shared memory without a name: nothing is left behind, whoever dies.
#pragma once

#include <cstdint>

#include "owned_fd.h"

namespace mayfly {

// A descriptor of `bytes` zero bytes, sealed against resizing where the system can; none, with errno set, else. `name`
// is only shown, in lists of mappings.
OwnedFd CreateUnnamedMemory(const char* name, uint64_t bytes);

}  // namespace mayfly
