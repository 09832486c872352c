// The shared mapping that every process of a pool sees: memfd on Linux, unlinked shm elsewhere. No name is left
// anywhere.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "owned_fd.h"

namespace mayfly {

class Arena {
 public:
  // Sparse; sealed against shrinking where the system can. Throws ERR_ARENA_CREATE.
  static std::shared_ptr<Arena> Create(uint64_t bytes);
  // Maps an inherited descriptor and makes it close-on-exec; its size is the file's.
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

  // Maps what has pages already: at its start a worker has the time for it, in its first evaluations it has not.
  void MapCommitted(int fd) const;

  mutable std::mutex fd_mutex_;
  std::shared_ptr<const OwnedFd> fd_;  // guarded by fd_mutex_; null after CloseDescriptor
  uint64_t bytes_;
  uint8_t* base_ = nullptr;
};

}  // namespace mayfly
