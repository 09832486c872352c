// Two threads at the ends of a lane, as a main process and a worker are, and the thread pool under them: for
// ThreadSanitizer.
#include <unistd.h>

#include <cstdio>
#include <numeric>
#include <thread>
#include <vector>

#include "error.h"
#include "ipc/lane.h"
#include "parallel/thread_pool.h"

namespace mayfly {
namespace {

constexpr uint64_t kFrames = 20'000;

// Waits as serve.cc and connection.cc do: a last look between falling asleep and the bell.
Frame Receive(Lane* lane) {
  Frame frame;
  while (!lane->Peek(&frame)) {
    lane->FallAsleep();
    if (lane->IsEmpty()) lane->AnswerBell();
    lane->WakeUp();
  }
  lane->Take();
  return frame;
}

void Send(Lane* lane, uint64_t id) {
  Frame frame;
  frame.id = id;
  while (!lane->Push(frame)) std::this_thread::yield();
  lane->Ring();
}

// What a worker inherits, as descriptors of its own.
Lane::Ends Inherit(const Lane::Ends& far) {
  return {OwnedFd(dup(far.memory.get())), OwnedFd(dup(far.bell_in.get())), OwnedFd(dup(far.bell_out.get()))};
}

bool Exchange() {
  const std::shared_ptr<Lane> near = Lane::Create();
  const std::shared_ptr<Lane> far = Lane::Attach(Inherit(near->far_ends()));
  near->CloseFarEnds();
  std::thread worker([far = far.get()] {
    for (uint64_t i = 0; i < kFrames; ++i) Send(far, Receive(far).id + 1);
  });
  bool right = true;
  for (uint64_t i = 0; i < kFrames; ++i) {
    Send(near.get(), i);
    right = Receive(near.get()).id == i + 1 && right;
  }
  worker.join();
  return right;
}

bool Sums() {
  bool right = true;
  for (int threads = 1; threads <= 4; ++threads) {
    ThreadPool pool(threads);
    for (int round = 0; round < 400; ++round) {
      std::vector<int64_t> values(1000);
      pool.ParallelFor(1000, 10, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) values[static_cast<size_t>(i)] = i;
      });
      right = std::accumulate(values.begin(), values.end(), int64_t{0}) == 499'500 && right;
    }
    try {
      pool.ParallelFor(100, 1, [](int64_t begin, int64_t end) {
        if (begin <= 50 && 50 < end) throw Error("ERR_TEST", "thrown on a thread");
      });
      right = false;
    } catch (const Error&) {
    }
  }
  return right;
}

}  // namespace
}  // namespace mayfly

int main() {
  const bool exchanged = mayfly::Exchange(), summed = mayfly::Sums();
  if (!exchanged || !summed) std::fprintf(stderr, "wrong results: lane %d, thread pool %d\n", exchanged, summed);
  return exchanged && summed ? 0 : 1;
}
