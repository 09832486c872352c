// Starts workers by posix_spawn, whose cost, unlike that of fork, does not grow with the parent's memory.
#pragma once

#include <sys/types.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "ipc/lane.h"
#include "owned_fd.h"

namespace mayfly {

struct SpawnRequest {
  std::string file;
  std::vector<std::string> args;  // without argv[0]
  std::vector<std::string> env;   // NAME=value
  std::shared_ptr<const OwnedFd> arena;
  // Whether parent and worker share a lane, too.
  bool lane = false;
};

struct Spawned {
  pid_t pid = 0;
  OwnedFd connection;
  OwnedFd stderr_end;
  std::shared_ptr<Lane> lane;
};

// The child has /dev/null as stdin, the stderr pipe as stdout and stderr, the socket as 3, the arena as 4, the
// ends of the lane, if any, as 5 to 7, no other descriptor, default signals, and a process group of its own. Throws
// ERR_SPAWN, and leaves nothing open then.
Spawned SpawnWorker(const SpawnRequest& request);

// Two joined stream sockets. Throws ERR_SPAWN.
std::array<OwnedFd, 2> SocketPair();

// Ends this process when its parent ends; at once if the parent is no longer `parent`.
void DieWithParent(pid_t parent);

}  // namespace mayfly
