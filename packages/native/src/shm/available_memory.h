// The memory that can still be committed before the system kills a process for it.
#pragma once

#include <cstdint>
#include <string>

namespace mayfly {

// In bytes: the least of the system's MemAvailable and the free room of each memory cgroup of this process, where
// reclaimable file cache counts as free. UINT64_MAX where the system does not say (macOS, which swaps instead). `root`
// is put before /proc and /sys; tests pass a folder with copies. (libuv's uv_get_available_memory looks at one cgroup
// only and counts the file cache as used.)
uint64_t AvailableMemory(const std::string& root = "");

}  // namespace mayfly
