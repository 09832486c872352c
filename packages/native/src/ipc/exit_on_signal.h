// Ends the process at a signal even while its JavaScript is busy, which a listener of Node's cannot.
#pragma once

#include <string>
#include <vector>

namespace mayfly {

// From now on each of these signals writes `farewell` to stderr and ends the process with exit code 128 + the signal's
// number. A listener of Node's for the same signal replaces this; when it is removed, the system's default applies.
void ExitOnSignals(const std::vector<int>& signals, const std::string& farewell);

// Replaces the descriptor of a terminal that is gone by one of /dev/null. Node restores the settings of terminals at
// its exit, and aborts where it cannot.
void RedirectToNull(int fd);

// The number of descriptors that this process may have open; infinity where there is no limit.
double DescriptorLimit();

}  // namespace mayfly
