#include "ipc/exit_on_signal.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <limits>

#include "error.h"
#include "owned_fd.h"

namespace mayfly {
namespace {

// A signal handler must not take a lock. A signal that arrives while the text changes prints a mixture of both texts.
char farewell_text[256];
volatile sig_atomic_t farewell_size = 0;

void Exit(int signal) {
  const ssize_t ignored = write(STDERR_FILENO, farewell_text, static_cast<size_t>(farewell_size));
  (void)ignored;
  _exit(128 + signal);
}

}  // namespace

void ExitOnSignals(const std::vector<int>& signals, const std::string& farewell) {
  const size_t size = std::min(farewell.size(), sizeof farewell_text);
  std::memcpy(farewell_text, farewell.data(), size);
  farewell_size = static_cast<sig_atomic_t>(size);
  for (const int number : signals) {
    if (signal(number, Exit) != SIG_ERR) continue;
    throw Error("ERR_INVALID_ARGUMENT", "Expected a signal that can be caught, got " + std::to_string(number));
  }
}

void RedirectToNull(int fd) {
  if (const OwnedFd null = OpenFile("/dev/null", O_RDWR)) dup2(null.get(), fd);
}

double DescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<double>::infinity();
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace mayfly
