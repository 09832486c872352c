// What a peer may write into the memory of a lane and into the socket beside it: two bytes say how long the stream is,
// the rest fills the ring that is read. No content may crash the reader or keep it reading.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "error.h"
#include "fuzz_target.h"
#include "ipc/inbox.h"

namespace {

using mayfly::Lane;
using mayfly::OwnedFd;

// A lane's memory that stays, and pipes that nobody rings.
class Peer {
 public:
  Peer() : lane_(Lane::Create()), bytes_(static_cast<size_t>(lseek(lane_->far_ends().memory.get(), 0, SEEK_END))) {
    memory_ = static_cast<uint8_t*>(
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, lane_->far_ends().memory.get(), 0));
    FUZZ_EXPECT(memory_ != MAP_FAILED);
  }

  // The parent's direction comes first in memory, and a worker reads it.
  void Fill(const uint8_t* data, size_t size) {
    std::memset(memory_, 0, bytes_);
    std::memcpy(memory_, data, std::min(size, bytes_));
  }

  std::shared_ptr<Lane> AttachWorker() const {
    const Lane::Ends& ends = lane_->far_ends();
    return Lane::Attach(
        {OwnedFd(dup(ends.memory.get())), OwnedFd(dup(ends.bell_in.get())), OwnedFd(dup(ends.bell_out.get()))});
  }

 private:
  std::shared_ptr<Lane> lane_;
  size_t bytes_;
  uint8_t* memory_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Peer peer;
  if (size < 2) return 0;
  const size_t streamed = std::min<size_t>(data[0] + 256u * data[1], size - 2);
  peer.Fill(data + 2 + streamed, size - 2 - streamed);
  mayfly::Inbox inbox(peer.AttachWorker());
  if (streamed > 0) std::memcpy(inbox.stream().Reserve(streamed), data + 2, streamed);
  inbox.stream().Commit(streamed);
  try {
    mayfly::Frame frame;
    const uint8_t* payload;
    size_t frames = 0;
    while (inbox.Next(&frame, &payload)) FUZZ_EXPECT(++frames <= size);
  } catch (const mayfly::Error& error) {
    FUZZ_EXPECT(error.code() == "ERR_FRAME");
  }
  return 0;
}
