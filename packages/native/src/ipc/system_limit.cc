#include "ipc/system_limit.h"

#include <sys/resource.h>

#include <cerrno>
#include <cstring>

#include "shm/available_memory.h"

namespace mayfly {
namespace {

std::string Limit(int resource, const char* name, const char* what) {
  rlimit limit;
  if (getrlimit(resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::string("no limit of ") + what + " by " + name;
  return std::string("at most ") + std::to_string(limit.rlim_cur) + " " + what + " by " + name;
}

}  // namespace

std::string DescribeErrno(int error) {
  const std::string text = std::strerror(error);
  switch (error) {
    case EMFILE: return text + " (" + Limit(RLIMIT_NOFILE, "RLIMIT_NOFILE", "in this process") + ")";
    case EAGAIN:
      return text + " (" + Limit(RLIMIT_NPROC, "RLIMIT_NPROC", "processes and threads of this user") +
             "; a container or cgroup may allow less)";
    case ENOMEM: return text + " (" + std::to_string(AvailableMemory()) + " bytes available to this process)";
    default: return text;
  }
}

}  // namespace mayfly
