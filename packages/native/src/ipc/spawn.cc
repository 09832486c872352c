#include "ipc/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "error.h"
#include "ipc/system_limit.h"

namespace mayfly {
namespace {

[[noreturn]] void Fail(const std::string& what, int error) {
  throw Error("ERR_SPAWN", "Expected " + what + ", got: " + Refusal(error));
}

// A descriptor that is closed unless released.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

#ifndef __linux__
void CloseOnExec(int fd) { fcntl(fd, F_SETFD, FD_CLOEXEC); }
#endif

// dup2 onto itself would keep close-on-exec, so what the child inherits must lie above the numbers it gets there.
int AboveChildDescriptors(int fd) {
  const int moved = fcntl(fd, F_DUPFD_CLOEXEC, 10);
  if (moved < 0) Fail("a descriptor for a worker", errno);
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
    // A terminal's Ctrl-C is for the main process, which ends its workers in order.
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

}  // namespace

std::pair<int, int> SocketPair() {
  int ends[2];
#ifdef __linux__
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) Fail("a socket pair", errno);
#else
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) Fail("a socket pair", errno);
  CloseOnExec(ends[0]);
  CloseOnExec(ends[1]);
#endif
  return {ends[0], ends[1]};
}

Spawned SpawnWorker(const SpawnRequest& request) {
  const auto [near, far] = SocketPair();
  Descriptor connection(near), far_end(far);
  int pipe_ends[2];
#ifdef __linux__
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) Fail("a pipe", errno);
#else
  if (pipe(pipe_ends) != 0) Fail("a pipe", errno);
  CloseOnExec(pipe_ends[0]);
  CloseOnExec(pipe_ends[1]);
#endif
  Descriptor words(pipe_ends[0]), words_far(pipe_ends[1]);
  Descriptor socket_high(AboveChildDescriptors(far_end.get()));
  Descriptor words_high(AboveChildDescriptors(words_far.get()));
  Descriptor arena_high(AboveChildDescriptors(request.arena_fd));
  const std::shared_ptr<Lane> lane = request.lane ? Lane::Create() : nullptr;
  const Lane::Ends ends = lane ? lane->far_ends() : Lane::Ends{};

  Actions actions;
  posix_spawn_file_actions_addopen(&actions.value, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions.value, words_high.get(), 1);
  posix_spawn_file_actions_adddup2(&actions.value, words_high.get(), 2);
  posix_spawn_file_actions_adddup2(&actions.value, socket_high.get(), 3);
  posix_spawn_file_actions_adddup2(&actions.value, arena_high.get(), 4);
  int next = 5;
  std::vector<std::unique_ptr<Descriptor>> lane_high;
  for (const int end : {ends.memory, ends.bell_in, ends.bell_out}) {
    if (end < 0) continue;
    lane_high.push_back(std::make_unique<Descriptor>(AboveChildDescriptors(end)));
    posix_spawn_file_actions_adddup2(&actions.value, lane_high.back()->get(), next++);
  }
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 34)
  // Node opens everything close-on-exec; other addons may not.
  posix_spawn_file_actions_addclosefrom_np(&actions.value, next);
#endif
#endif
  const Attributes attributes;

  std::vector<std::string> args = request.args;
  args.insert(args.begin(), request.file);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, request.file.c_str(), &actions.value, &attributes.value, Pointers(args).data(),
                                Pointers(request.env).data());
  if (error != 0) Fail("to start " + request.file, error);
  if (lane) lane->CloseFarEnds();
  return {pid, connection.Release(), words.Release(), lane};
}

void DieWithParent(pid_t parent) {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  // The parent may have died before the request was made.
  if (getppid() != parent) _exit(0);
}

}  // namespace mayfly
