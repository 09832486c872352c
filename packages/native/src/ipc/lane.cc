#include "ipc/lane.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "error.h"
#include "ipc/system_limit.h"
#include "parallel/affinity.h"
#include "shm/unnamed_memory.h"

namespace mayfly {
namespace {

constexpr uint64_t kSlots = 256;

[[noreturn]] void Fail(const char* what) {
  throw Error("ERR_SPAWN", std::string("Cannot create ") + what + " for a worker: " + DescribeErrno(errno));
}

}  // namespace

// Each word has a cache line of its own, since both sides write all the time.
struct Lane::Direction {
  alignas(64) std::atomic<uint64_t> tail;
  alignas(64) std::atomic<uint64_t> head;
  alignas(64) std::atomic<uint64_t> streamed;
  // Set by the side that reads.
  alignas(64) std::atomic<uint32_t> asleep;
  // The processor of the side that writes, plus one; 0, as in fresh memory, means unknown.
  alignas(64) std::atomic<int32_t> processor;
  alignas(64) uint8_t slots[kSlots][kFrameBytes];
};

struct Lane::Memory {
  Direction directions[2];
};

static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free);

Lane::Lane(int memory, Side side) : side_(side) {
  struct stat status;
  void* base = MAP_FAILED;
  if (fstat(memory, &status) == 0 && status.st_size == static_cast<off_t>(sizeof(Memory))) {
    base = mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  }
  if (base == MAP_FAILED) throw Error("ERR_FRAME", "Cannot map the memory of a lane: not a descriptor of its size");
  shared_ = static_cast<Memory*>(base);
}

std::shared_ptr<Lane> Lane::Create() {
  Ends near, far;
  far.memory = CreateUnnamedMemory("mayfly-lane", sizeof(Memory));
  if (!far.memory) Fail("shared memory");
  for (const auto& [reader, writer] :
       {std::pair{&far.bell_in, &near.bell_out}, std::pair{&near.bell_in, &far.bell_out}}) {
    auto [read_end, write_end] = MakePipe();
    if (!read_end) Fail("a pipe");
    *reader = std::move(read_end);
    *writer = std::move(write_end);
  }
  SetNonBlocking(near.bell_in.get());
  SetNonBlocking(near.bell_out.get());
  std::shared_ptr<Lane> lane(new Lane(far.memory.get(), Side::kParent));
  lane->near_ = std::move(near);
  lane->far_ = std::move(far);
  // Commits the pages now: running out of memory later would be a SIGBUS.
  std::memset(static_cast<void*>(lane->shared_), 0, sizeof(Memory));
  return lane;
}

std::shared_ptr<Lane> Lane::Attach(Ends ends) {
  for (const OwnedFd* end : {&ends.memory, &ends.bell_in, &ends.bell_out}) SetCloseOnExec(end->get());
  std::shared_ptr<Lane> lane(new Lane(ends.memory.get(), Side::kWorker));
  ends.memory.Close();
  lane->near_ = std::move(ends);
  return lane;
}

Lane::~Lane() { munmap(shared_, sizeof(Memory)); }

Lane::Direction& Lane::out() const { return shared_->directions[static_cast<int>(side_)]; }
Lane::Direction& Lane::in() const { return shared_->directions[1 - static_cast<int>(side_)]; }

bool Lane::Push(const Frame& frame) {
  Direction& ring = out();
  if (pushed_ - ring.head.load(std::memory_order_acquire) >= kSlots) return false;
  EncodeFrame(frame, ring.slots[pushed_ % kSlots]);
  // This store precedes the load of `asleep` in Ring, as the store in FallAsleep precedes the reader's last load of
  // `tail`. With sequential consistency at least one side sees the other's store.
  ring.tail.store(++pushed_, std::memory_order_seq_cst);
  return true;
}

bool Lane::IsEmpty() const { return in().tail.load(std::memory_order_seq_cst) == taken_; }

bool Lane::Peek(Frame* frame) const {
  const Direction& ring = in();
  const uint64_t waiting = ring.tail.load(std::memory_order_seq_cst) - taken_;
  if (waiting == 0) return false;
  if (waiting > kSlots) {
    throw Error("ERR_FRAME",
                "Expected at most " + std::to_string(kSlots) + " frames in a ring, got " + std::to_string(waiting));
  }
  DecodeFrame(ring.slots[taken_ % kSlots], frame);
  if (frame->payload_bytes != 0) throw Error("ERR_FRAME", "Expected no payload with a frame in a ring");
  return true;
}

void Lane::Take() { in().head.store(++taken_, std::memory_order_release); }

void Lane::CountStreamed() { out().streamed.fetch_add(1, std::memory_order_seq_cst); }
uint64_t Lane::streamed_by_peer() const { return in().streamed.load(std::memory_order_seq_cst); }

bool Lane::Ring() {
  Direction& ring = out();
  ring.processor.store(CurrentProcessor() + 1, std::memory_order_relaxed);
  if (ring.asleep.load(std::memory_order_seq_cst) == 0 || ring.asleep.exchange(0, std::memory_order_seq_cst) == 0)
    return false;
  const uint8_t bell = 0;
  // A failure means that the peer is gone, which the end of its stream reports.
  [[maybe_unused]] const ssize_t rung = write(near_.bell_out.get(), &bell, 1);
  return true;
}

void Lane::FallAsleep() { in().asleep.store(1, std::memory_order_seq_cst); }
void Lane::WakeUp() { in().asleep.store(0, std::memory_order_relaxed); }

bool Lane::AnswerBell() {
  uint8_t bells[64];
  for (;;) {
    const ssize_t got = read(near_.bell_in.get(), bells, sizeof bells);
    if (got < 0 && errno == EINTR) continue;
    return got > 0 || (got < 0 && errno == EAGAIN);
  }
}

bool Lane::PeerIsElsewhere() {
  const int32_t here = CurrentProcessor() + 1;
  out().processor.store(here, std::memory_order_relaxed);
  const int32_t there = in().processor.load(std::memory_order_relaxed);
  return here > 0 && there > 0 && here != there;
}

}  // namespace mayfly
