// The functions of an MPI library that was loaded at run time, whatever its binary interface: on three channels,
// nonblocking collectives of bytes. All calls come from one thread (MPI_THREAD_FUNNELED).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mayfly {

class Mpi {
 public:
  // Communicators of all ranks. On each, calls are matched in the order in which they are made; the order between
  // channels is free.
  enum Channel { kHeaders, kShards, kResults, kChannels };

  // A call that has not ended, as the library's own handle.
  struct Request {
    uint64_t bits = 0;
  };

  // Loads the first of `files` that is there, and recognizes its interface. Throws ERR_COLLECTIVE. The library stays
  // loaded.
  static std::unique_ptr<Mpi> Load(const std::vector<std::string>& files);
  virtual ~Mpi() = default;

  // The library and its version, in one line.
  const std::string& name() const { return name_; }
  int rank() const { return rank_; }
  int size() const { return size_; }

  // These throw ERR_COLLECTIVE with the library's words.

  // MPI_Init_thread. Afterwards rank and size are known.
  virtual void Init() = 0;
  // Makes the channels; all ranks call it.
  virtual void OpenChannels() = 0;
  // The memory of a call, its counts and displacements (in bytes, one of each for every rank) belong to the library
  // until Test returns true.
  virtual Request AllGather(const void* mine, void* all, int bytes, Channel channel) = 0;
  // Rank r's part is at to + displacements[r] already.
  virtual Request AllGatherInPlace(void* all, const int* counts, const int* displacements, Channel channel) = 0;
  struct Parts {
    const int* counts;
    const int* displacements;
  };
  virtual Request AllToAll(const void* from, Parts sent, void* to, Parts received, Channel channel) = 0;
  virtual Request Broadcast(void* data, int bytes, int root, Channel channel) = 0;
  // Whether the call has ended.
  virtual bool Test(Request* request) = 0;
  // Lets the library go on with messages of calls that have ended here.
  virtual void Progress() = 0;
  virtual void Finalize() = 0;
  // Ends all ranks.
  virtual void Abort(int code) = 0;

 protected:
  explicit Mpi(std::string name) : name_(std::move(name)) {}

  std::string name_;
  int rank_ = 0, size_ = 1;
};

}  // namespace mayfly
