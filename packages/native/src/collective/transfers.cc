#include "collective/transfers.h"

#include <algorithm>
#include <utility>

#include "collective/tree_sum.h"

namespace mayfly {
namespace {

// Shares begin on a cache line.
constexpr uint64_t kLine = 64;

bool IsSum(const Operation& operation) { return operation.kind == Kind::kAllReduce || operation.kind == Kind::kReduce; }

uint64_t LongestRange(const Operation& operation) {
  uint64_t most = 0;
  for (const Operation::Range& range : operation.ranges) most = std::max(most, range.bytes);
  return most;
}

}  // namespace

void Transfers::Add(std::shared_ptr<Operation> operation) {
  if (operation->kind == Kind::kExchange) {
    uint64_t total = 0;
    for (const int size : operation->sizes) total += size;
    operation->messages.resize(total);
    uint64_t at = 0;
    for (int rank = 0; rank < mpi_->rank(); ++rank) at += operation->sizes[rank];
    std::copy(operation->message.begin(), operation->message.end(), operation->messages.begin() + at);
  }
  operations_.push_back(std::move(operation));
}

// The owner of a sum receives all of it from every other rank.
uint64_t Transfers::PieceBytes(const Operation& operation) const {
  if (operation.kind != Kind::kReduce) return slice_bytes_;
  return std::max(slice_bytes_ / (mpi_->size() - 1) / kLine, uint64_t{1}) * kLine;
}

// An operation without data has one piece, of no bytes. The ranges of an allGather take turns, so that all ranks send
// at the same time.
std::unique_ptr<Transfers::Piece> Transfers::Next() {
  if (next_.operation == operations_.size()) return nullptr;
  const std::shared_ptr<Operation>& operation = operations_[next_.operation];
  auto piece = std::make_unique<Piece>();
  piece->operation = operation;
  if (operation->kind == Kind::kExchange) {
    piece->data = operation->messages.data();
    piece->bytes = static_cast<int>(operation->messages.size());
    piece->is_last = true;
  } else {
    const uint64_t most = PieceBytes(*operation), longest = LongestRange(*operation);
    const Operation::Range& range = operation->ranges[next_.range];
    if (next_.at < range.bytes) {
      piece->data = range.data + next_.at;
      piece->bytes = static_cast<int>(std::min(most, range.bytes - next_.at));
    }
    piece->root = operation->kind == Kind::kAllGather ? static_cast<int>(next_.range) : operation->root;
    if (++next_.range == operation->ranges.size()) {
      next_.range = 0;
      next_.at += most;
      piece->is_last = next_.at >= longest;
    }
  }
  if (piece->is_last) next_ = {0, 0, next_.operation + 1};
  return piece;
}

void Transfers::Share(Piece* piece) const {
  const int size = mpi_->size(), rank = mpi_->rank();
  const Operation& operation = *piece->operation;
  if (operation.kind == Kind::kExchange) {
    piece->counts = operation.sizes;
  } else if (operation.kind == Kind::kReduce) {
    piece->counts.assign(size, 0);
    piece->counts[operation.root] = piece->bytes;
  } else {
    const int share = static_cast<int>((piece->bytes + size * kLine - 1) / (size * kLine) * kLine);
    for (int each = 0; each < size; ++each) {
      piece->counts.push_back(std::clamp(piece->bytes - each * share, 0, share));
    }
  }
  int at = 0;
  for (const int count : piece->counts) {
    piece->places.push_back(at);
    at += count;
  }
  piece->sent_counts = piece->counts;
  piece->sent_counts[rank] = 0;
  at = 0;
  for (int each = 0; each < size; ++each) {
    piece->received_counts.push_back(each == rank ? 0 : piece->counts[rank]);
    piece->received_places.push_back(at);
    at += piece->received_counts.back();
  }
}

void Transfers::PostShards(Piece* piece) {
  std::unique_ptr<float[]>& scratch = scratch_[begun_ % kWindow];
  // (size − 1) shares of a piece, each rounded up to a line.
  if (scratch == nullptr) scratch.reset(new float[(slice_bytes_ + mpi_->size() * kLine) / sizeof(float)]);
  piece->scratch = scratch.get();
  piece->request = mpi_->AllToAll(piece->data, {piece->sent_counts.data(), piece->places.data()}, piece->scratch,
                                  {piece->received_counts.data(), piece->received_places.data()}, Mpi::kShards);
  for (const int count : piece->sent_counts) sent_bytes_ += count;
  piece->in_flight = true;
}

void Transfers::Sum(Piece* piece) const {
  const int rank = mpi_->rank(), bytes = piece->counts[rank];
  if (bytes == 0) return;
  auto* const mine = reinterpret_cast<float*>(piece->data + piece->places[rank]);
  std::vector<const float*> parts;
  for (int each = 0; each < mpi_->size(); ++each) {
    parts.push_back(each == rank ? mine : piece->scratch + piece->received_places[each] / sizeof(float));
  }
  SumByTree(parts, mine, bytes / static_cast<int>(sizeof(float)));
}

void Transfers::PostResults(Piece* piece) {
  const Kind kind = piece->operation->kind;
  const int rank = mpi_->rank();
  const uint64_t others = mpi_->size() - 1;
  if (kind == Kind::kAllGather || kind == Kind::kBroadcast) {
    piece->request = mpi_->Broadcast(piece->data, piece->bytes, piece->root, Mpi::kResults);
    if (rank == piece->root) sent_bytes_ += piece->bytes * others;
  } else {
    piece->request = mpi_->AllGatherInPlace(piece->data, piece->counts.data(), piece->places.data(), Mpi::kResults);
    sent_bytes_ += piece->counts[rank] * others;
  }
  piece->state = State::kResults;
  piece->in_flight = true;
}

bool Transfers::Step(const std::function<void(const std::shared_ptr<Operation>&)>& ended) {
  bool changed = false;
  while (active_.size() < kWindow) {
    std::unique_ptr<Piece> piece = Next();
    if (piece == nullptr) break;
    changed = true;
    if (piece->bytes == 0) {
      piece->state = State::kEnded;
    } else {
      const bool is_sum = IsSum(*piece->operation);
      if (is_sum || piece->operation->kind == Kind::kExchange) Share(piece.get());
      if (is_sum) {
        piece->state = State::kShards;
        PostShards(piece.get());
      }
    }
    ++begun_;
    active_.push_back(std::move(piece));
  }
  // On each channel, all ranks make their calls in the order of the pieces.
  bool may_post = true;
  for (const std::unique_ptr<Piece>& piece : active_) {
    if (piece->in_flight && mpi_->Test(&piece->request)) {
      piece->in_flight = false;
      changed = true;
      if (piece->state == State::kShards) {
        Sum(piece.get());
        piece->state = piece->operation->kind == Kind::kReduce ? State::kEnded : State::kSummed;
      } else {
        piece->state = State::kEnded;
      }
    }
    if (piece->state == State::kSummed && may_post) {
      PostResults(piece.get());
      changed = true;
    }
    if (piece->state < State::kResults && piece->operation->kind != Kind::kReduce) may_post = false;
  }
  while (!active_.empty() && active_.front()->state == State::kEnded) {
    const std::unique_ptr<Piece> piece = std::move(active_.front());
    active_.pop_front();
    if (!piece->is_last) continue;
    const std::shared_ptr<Operation> operation = std::move(operations_.front());
    operations_.pop_front();
    --next_.operation;
    ended(operation);
  }
  return changed;
}

}  // namespace mayfly
