// Error numbers of the system as text.
#pragma once

#include <string>

namespace mayfly {

// The text of an errno and, where a limit of this process may be the reason, the name and the value of that limit.
std::string DescribeErrno(int error);

}  // namespace mayfly
