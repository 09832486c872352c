// Why the system refused a descriptor, a process or memory.
#pragma once

#include <string>

namespace mayfly {

// What `error` (an errno) says, and where a limit of this process is behind it, which one and how much it is.
std::string Refusal(int error);

}  // namespace mayfly
