// Ends the process at a signal even while its JavaScript is busy, which a listener of Node's cannot.
#pragma once

#include <string>
#include <vector>

namespace mayfly {

// From now on each of these signals writes `farewell` to stderr and ends the process with exit code 128 + its number. A
// listener of Node's for the same signal takes its place, and gives it back to the system when it goes.
void ExitOnSignals(const std::vector<int>& signals, const std::string& farewell);

// Makes a descriptor that a terminal was behind one of /dev/null. At its exit Node gives terminals the settings that it
// found, and aborts where one is gone.
void RedirectToNull(int fd);

// How many descriptors this process may have open; infinite where there is no limit.
double DescriptorLimit();

}  // namespace mayfly
