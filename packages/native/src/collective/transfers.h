// The data of calls on which all ranks agree, in pieces, several of which move at the same time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "collective/mpi.h"
#include "collective/operation.h"

namespace mayfly {

class Transfers {
 public:
  // `slice_bytes`, a multiple of 64 and the same on all ranks, is the most of a piece, and of the memory in which it
  // receives what it sums.
  Transfers(Mpi* mpi, uint64_t slice_bytes) : mpi_(mpi), slice_bytes_(slice_bytes) {}

  // Behind those before. All ranks add the same operations in the same order.
  void Add(std::shared_ptr<Operation> operation);
  // Goes on as far as possible without waiting, and calls `ended` for each operation that has ended, in their order.
  // Returns whether anything changed. Throws ERR_COLLECTIVE.
  bool Step(const std::function<void(const std::shared_ptr<Operation>&)>& ended);
  // Those that have not ended, in their order.
  const std::deque<std::shared_ptr<Operation>>& operations() const { return operations_; }
  bool empty() const { return operations_.empty(); }
  // What this rank has sent so far.
  uint64_t sent_bytes() const { return sent_bytes_; }

 private:
  static constexpr int kWindow = 4;

  // A sum goes through all states: each rank gets its share of the elements from all others (kShards), adds them up,
  // and gives the sums to all (kResults). A copy begins as kSummed.
  enum class State { kShards, kSummed, kResults, kEnded };

  struct Piece {
    std::shared_ptr<Operation> operation;
    State state = State::kSummed;
    bool in_flight = false;
    Mpi::Request request;
    uint8_t* data = nullptr;
    int bytes = 0;
    int root = 0;
    float* scratch = nullptr;
    // In bytes, by rank: the share of each in the piece, and the parts that this rank receives.
    std::vector<int> counts, places, received_counts, received_places;
    // What this rank sends of a share: all but its own.
    std::vector<int> sent_counts;
    bool is_last = false;
  };

  // Where the next piece begins.
  struct Cursor {
    uint64_t at = 0;
    size_t range = 0;
    size_t operation = 0;  // index into operations_
  };

  std::unique_ptr<Piece> Next();
  void Share(Piece* piece) const;
  void Sum(Piece* piece) const;
  void PostShards(Piece* piece);
  void PostResults(Piece* piece);
  uint64_t PieceBytes(const Operation& operation) const;

  Mpi* mpi_;
  uint64_t slice_bytes_;
  std::deque<std::shared_ptr<Operation>> operations_;
  Cursor next_;
  std::deque<std::unique_ptr<Piece>> active_;
  std::array<std::unique_ptr<float[]>, kWindow> scratch_;
  uint64_t begun_ = 0;  // pieces, so far
  std::atomic<uint64_t> sent_bytes_{0};
};

}  // namespace mayfly
