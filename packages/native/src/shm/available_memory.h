// How much memory may still be committed before something is killed for it.
#pragma once

#include <cstdint>

namespace mayfly {

// Bytes: the least of what the system has (MemAvailable) and of the room in every memory cgroup around this process,
// reclaimable file cache counted as room. UINT64_MAX where the system does not say (macOS, which swaps instead).
uint64_t AvailableMemory();

}  // namespace mayfly
