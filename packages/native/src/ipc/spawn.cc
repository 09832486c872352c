#include "ipc/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#ifdef __linux__
#include <dirent.h>
#include <dlfcn.h>
#include <sys/prctl.h>

#include <cstdlib>
#include <memory>
#endif

#include "error.h"
#include "ipc/system_limit.h"

namespace mayfly {
namespace {

// `action` completes "Cannot …".
[[noreturn]] void Fail(const std::string& action, int error) {
  throw Error("ERR_SPAWN", "Cannot " + action + ": " + DescribeErrno(error));
}

// Descriptors that the child inherits must lie above the numbers that they get there: dup2 of a descriptor onto itself
// would leave it close-on-exec.
OwnedFd AboveChildDescriptors(const OwnedFd& fd) {
  OwnedFd moved = DuplicateFrom(fd.get(), 10);
  if (!moved) Fail("duplicate a descriptor for a worker", errno);
  return moved;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

struct Attributes {
  posix_spawnattr_t value;
  Attributes() {
    posix_spawnattr_init(&value);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&value, &all);
    posix_spawnattr_setsigmask(&value, &none);
    // Keeps a terminal's Ctrl-C from the workers: the main process ends them in order.
    posix_spawnattr_setpgroup(&value, 0);
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP;
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
    posix_spawnattr_setflags(&value, flags);
  }
  ~Attributes() { posix_spawnattr_destroy(&value); }
};

struct Actions {
  posix_spawn_file_actions_t value;
  Actions() { posix_spawn_file_actions_init(&value); }
  ~Actions() { posix_spawn_file_actions_destroy(&value); }
};

// Closes descriptors of other addons in the child; Node opens its own close-on-exec. On macOS
// POSIX_SPAWN_CLOEXEC_DEFAULT does it.
void CloseFrom([[maybe_unused]] posix_spawn_file_actions_t* actions, [[maybe_unused]] int first) {
#ifdef __linux__
  // glibc has it since 2.34, musl has not: the addon loads with any.
  using AddCloseFrom = int (*)(posix_spawn_file_actions_t*, int);
  static const auto add =
      reinterpret_cast<AddCloseFrom>(dlsym(RTLD_DEFAULT, "posix_spawn_file_actions_addclosefrom_np"));
  if (add != nullptr && add(actions, first) == 0) return;
  // One that another thread opens after this stays open in the child, and one that it closes is no error there.
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir("/proc/self/fd"), closedir);
  if (!open) return;
  while (const dirent* entry = readdir(open.get())) {
    const int fd = std::atoi(entry->d_name);
    if (fd < first) continue;
    const int flags = fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) posix_spawn_file_actions_addclose(actions, fd);
  }
#endif
}

}  // namespace

std::array<OwnedFd, 2> SocketPair() {
  std::array<OwnedFd, 2> ends = MakeSocketPair();
  if (!ends[0]) Fail("create a socket pair", errno);
  return ends;
}

Spawned SpawnWorker(const SpawnRequest& request) {
  auto [connection, far_end] = SocketPair();
  auto [words, words_far] = MakePipe();
  if (!words) Fail("create a pipe", errno);
  const OwnedFd socket_high = AboveChildDescriptors(far_end);
  const OwnedFd words_high = AboveChildDescriptors(words_far);
  const OwnedFd arena_high = AboveChildDescriptors(*request.arena);
  const std::shared_ptr<Lane> lane = request.lane ? Lane::Create() : nullptr;

  Actions actions;
  posix_spawn_file_actions_addopen(&actions.value, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions.value, words_high.get(), 1);
  posix_spawn_file_actions_adddup2(&actions.value, words_high.get(), 2);
  posix_spawn_file_actions_adddup2(&actions.value, socket_high.get(), 3);
  posix_spawn_file_actions_adddup2(&actions.value, arena_high.get(), 4);
  int next = 5;
  std::vector<OwnedFd> lane_high;
  if (lane) {
    const Lane::Ends& ends = lane->far_ends();
    for (const OwnedFd* end : {&ends.memory, &ends.bell_in, &ends.bell_out}) {
      lane_high.push_back(AboveChildDescriptors(*end));
      posix_spawn_file_actions_adddup2(&actions.value, lane_high.back().get(), next++);
    }
  }
  CloseFrom(&actions.value, next);
  const Attributes attributes;

  std::vector<std::string> args = request.args;
  args.insert(args.begin(), request.file);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, request.file.c_str(), &actions.value, &attributes.value, Pointers(args).data(),
                                Pointers(request.env).data());
  if (error != 0) Fail("start " + request.file, error);
  if (lane) lane->CloseFarEnds();
  return {pid, std::move(connection), std::move(words), lane};
}

void DieWithParent(pid_t parent) {
#ifdef __linux__
  // The signal comes when the thread that started this process ends, even if its process lives on.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  // The parent may have died before prctl.
  if (getppid() != parent) _exit(0);
}

}  // namespace mayfly
