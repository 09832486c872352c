// Shared memory without a name: nothing is left behind, whoever dies.
#pragma once

#include <cstdint>

namespace mayfly {

// A descriptor of `bytes` zero bytes, closed on exec, sealed against resizing where the system can; -1 with errno
// else. `name` is only shown, in lists of mappings.
int CreateUnnamedMemory(const char* name, uint64_t bytes);

}  // namespace mayfly
