// The shared mapping of a pool: a memfd on Linux, an unlinked shm object elsewhere. It has no name in the file system.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "owned_fd.h"

namespace mayfly {

class Arena {
 public:
  // Sparse, and sealed against shrinking where the system can do that. Throws ERR_ARENA_CREATE.
  static std::shared_ptr<Arena> Create(uint64_t bytes);
  // Maps an inherited descriptor, as large as its file, and makes the descriptor close-on-exec. Throws
  // ERR_ARENA_CREATE.
  static std::shared_ptr<Arena> Attach(int fd);
  ~Arena();

  // Stays open for as long as the caller keeps it. Throws ERR_INVALID_ARGUMENT after CloseDescriptor.
  std::shared_ptr<const OwnedFd> descriptor() const;
  uint8_t* base() const { return base_; }
  uint64_t bytes() const { return bytes_; }

  // The memory at [offset, offset + bytes). Throws ERR_ARENA_BOUNDS.
  uint8_t* At(uint64_t offset, uint64_t bytes) const;

  // The mapping outlives its descriptor: views may stay for as long as the garbage collector likes, a descriptor may
  // not.
  void CloseDescriptor();

  // Commits pages. Throws ERR_ARENA_FULL with the amount asked for.
  void Populate(uint64_t offset, uint64_t bytes);
  void Discard(uint64_t offset, uint64_t bytes);
  uint64_t ResidentBytes() const;

 private:
  Arena(OwnedFd fd, uint64_t bytes);

  // Maps the pages that are committed already: a worker has time for that at its start, but not in its first
  // evaluations.
  void MapCommitted(int fd) const;

  mutable std::mutex fd_mutex_;
  std::shared_ptr<const OwnedFd> fd_;  // guarded by fd_mutex_; null after CloseDescriptor
  uint64_t bytes_;
  uint8_t* base_ = nullptr;
};

}  // namespace mayfly
