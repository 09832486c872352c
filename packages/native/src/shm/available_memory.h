// How much memory may still be committed before something is killed for it.
#pragma once

#include <cstdint>
#include <string>

namespace mayfly {

// Bytes: the least of what the system has (MemAvailable) and of the room in every memory cgroup around this process,
// reclaimable file cache counted as room. UINT64_MAX where the system does not say (macOS, which swaps instead). `root`
// is where /proc and /sys are looked for: a copy of them, in tests.
uint64_t AvailableMemory(const std::string& root = "");

}  // namespace mayfly
