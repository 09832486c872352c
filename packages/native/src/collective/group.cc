// Compiled for size: its functions run seldom, or wait.
#ifndef __clang__
#pragma GCC optimize("Os")
#endif

#include "collective/group.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include "error.h"
#include "owned_fd.h"
#include "parallel/affinity.h"
#include "parallel/pause.h"

namespace mayfly {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr uint64_t kVersion = 1;
// Of those that are open, the highest; systems give the lowest number that is free.
constexpr int kMostDescriptors = 1 << 13;
// How long Leave and Abort wait for the thread, which may be within a call of MPI.
constexpr milliseconds kPatience{500};
// How long a rank that gave up tries to tell the others before it closes without them.
constexpr milliseconds kFarewell{3000};
// Between two looks for messages of others while there is nothing to do.
constexpr milliseconds kIdle{100};
// A thread that waits spins at first; then it sleeps for a part of the time that it has waited.
constexpr microseconds kSpin{50}, kShortestSleep{20}, kLongestSleepForData{200}, kLongestSleep{1000};
constexpr int kPartOfWait = 64;

uint64_t HashOfSizes(const Operation& operation) {
  uint64_t hash = 14695981039346656037u;  // FNV-1a, by words
  for (const Operation::Range& range : operation.ranges) hash = (hash ^ range.bytes) * 1099511628211u;
  return hash;
}

[[gnu::noinline]] std::string Text(uint64_t number) { return std::to_string(number); }

// One call instead of a chain of additions, each of which is inlined.
[[gnu::noinline]] std::string Joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

}  // namespace

Group& Group::OfProcess() {
  static Group* group = new Group;
  return *group;
}

void Group::Open(Settings settings, Listener listener, std::shared_ptr<Operation> open) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (started_) throw Error("ERR_COLLECTIVE", "Cannot open a group of ranks twice in one process");
  settings_ = std::move(settings);
  listener_ = std::move(listener);
  submitted_.push_back(std::move(open));
  try {
    std::thread([this] { Serve(); }).detach();
  } catch (const std::system_error& error) {
    submitted_.clear();
    throw Error("ERR_COLLECTIVE", std::string("Cannot start the thread for MPI: ") + error.what());
  }
  started_ = true;
}

void Group::Submit(std::shared_ptr<Operation> operation) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!left_ && !leaving_) {
      submitted_.push_back(std::move(operation));
      wake_.notify_one();
      return;
    }
  }
  operation->failure = "The group of ranks is closed";
  listener_(operation);
}

void Group::Cancel() {
  const std::lock_guard<std::mutex> lock(mutex_);
  cancelled_ = true;
  wake_.notify_one();
}

void Group::Abort(int code) {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    abort_code_ = code;
    wake_.notify_one();
    left_condition_.wait_for(lock, kPatience, [&] { return left_; });
  }
  // MPI_Abort has ended the process, unless the thread is stuck or has ended.
  _exit(code);
}

void Group::Leave() noexcept {
  std::unique_lock<std::mutex> lock(mutex_);
  if (!started_ || left_ || abort_code_) return;
  leaving_ = true;
  wake_.notify_one();
  left_condition_.wait_for(lock, kPatience, [&] { return left_; });
}

std::string Group::name() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return name_;
}

uint64_t Group::sent_bytes() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return transfers_ == nullptr ? 0 : transfers_->sent_bytes();
}

void Group::Serve() noexcept {
  PrepareThisThread("mayfly-ranks");
  changed_at_ = Clock::now();
  try {
    Join();
  } catch (const std::exception& error) {
    broken_ = true;
    failure_ = error.what();
  }
  for (;;) {
    bool changed = TakeCalls();
    {
      std::unique_lock<std::mutex> lock(mutex_);
      if (leaving_ || abort_code_) break;
    }
    try {
      changed |= Turn();
    } catch (const std::exception& error) {
      broken_ = changed = true;
      EndAll(error.what());
    }
    Wait(changed);
  }
  EndAll("The group of ranks is closed");
  std::unique_lock<std::mutex> lock(mutex_);
  if (abort_code_ && transfers_ != nullptr && !finalized_) {
    lock.unlock();
    mpi_->Abort(*abort_code_);
    lock.lock();
  }
  left_ = true;
  left_condition_.notify_all();
}

void Group::Join() {
  mpi_ = Mpi::Load(settings_.files);
  // Before the library's own destructors, which would pull it from under the thread.
  std::atexit([] { OfProcess().Leave(); });
  mpi_->Init();
  if (mpi_->size() != settings_.size || mpi_->rank() != settings_.rank) {
    mpi_->Finalize();
    finalized_ = true;
    throw Error("ERR_COLLECTIVE",
                Joined({"Cannot join the ranks: the launcher (", settings_.launcher, ") calls this process rank ",
                        Text(settings_.rank), " of ", Text(settings_.size), ", ", mpi_->name(), " rank ",
                        Text(mpi_->rank()), " of ", Text(mpi_->size()), ". The library must be the launcher's own"}));
  }
  mpi_->OpenChannels();
  // Messages between all pairs, so that their connections are there when descriptors are marked.
  const int size = mpi_->size();
  std::vector<uint8_t> from(size), to(size);
  std::vector<int> ones(size, 1), places(size);
  for (int rank = 0; rank < size; ++rank) places[rank] = rank;
  const Mpi::Parts parts{ones.data(), places.data()};
  WaitFor(mpi_->AllToAll(from.data(), parts, to.data(), parts, Mpi::kShards));
  // Also those that the launcher left open: MPICH's waits for the end of every process that has one of them. Node has
  // marked its own.
  for (int fd = STDERR_FILENO + 1; fd < kMostDescriptors; ++fd) SetCloseOnExec(fd);
  headers_.resize(size);
  const std::lock_guard<std::mutex> lock(mutex_);
  transfers_ = std::make_unique<Transfers>(mpi_.get(), settings_.slice_bytes);
  name_ = mpi_->name();
}

void Group::WaitFor(Mpi::Request request) const {
  while (!mpi_->Test(&request)) std::this_thread::sleep_for(kShortestSleep);
}

bool Group::TakeCalls() {
  std::deque<std::shared_ptr<Operation>> taken;
  bool cancelled;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    taken.swap(submitted_);
    cancelled = std::exchange(cancelled_, false);
  }
  const bool any = !taken.empty() || cancelled;
  for (std::shared_ptr<Operation>& operation : taken) {
    if (operation->kind == Kind::kClose) {
      closing_ = operation;
      closing_since_ = Clock::now();
    }
    calls_.push_back(std::move(operation));
  }
  // Even if it has ended in this moment: its caller was told that it has not.
  if (cancelled) GiveUp(0, "The group of ranks has ended: a call of this rank was cancelled");
  return any;
}

bool Group::Turn() {
  bool changed = false;
  if (broken_ || ended_ || gave_up_) {
    EndAll(failure_);
    if (broken_ && closing_ != nullptr) Settle(std::exchange(closing_, nullptr));
    if (broken_) return false;
  }
  if (agreeing_ != nullptr && mpi_->Test(&header_request_)) {
    changed = true;
    Judge();
  }
  if (agreeing_ == nullptr && !ended_) {
    if (gave_up_) {
      auto last = std::make_shared<Operation>();
      last->kind = Kind::kGiveUp;
      last->root = static_cast<int>(why_);
      last->settled = true;
      PostHeader(last);
      changed = true;
    } else if (!calls_.empty()) {
      PostHeader(calls_.front());
      calls_.pop_front();
      changed = true;
    }
  }
  changed |= transfers_->Step([this](const std::shared_ptr<Operation>& operation) { Settle(operation); });
  CheckDeadline();
  if (closing_ != nullptr && ended_ && transfers_->empty()) {
    if (!finalized_) {
      finalized_ = true;
      mpi_->Finalize();
    }
    Settle(std::exchange(closing_, nullptr));
    changed = true;
  }
  // The others may be gone. The next turn settles the close.
  if (closing_ != nullptr && gave_up_ && Clock::now() - closing_since_ > kFarewell) broken_ = changed = true;
  return changed;
}

void Group::PostHeader(const std::shared_ptr<Operation>& operation) {
  agreeing_ = operation;
  std::memset(&header_, 0, sizeof header_);
  header_.kind = static_cast<uint32_t>(operation->kind);
  header_.root = static_cast<uint32_t>(operation->root);
  header_.number = number_++;
  header_.bytes = operation->kind == Kind::kOpen ? settings_.slice_bytes : operation->bytes();
  header_.shape = operation->kind == Kind::kOpen ? kVersion : HashOfSizes(*operation);
  header_request_ = mpi_->AllGather(&header_, headers_.data(), sizeof header_, Mpi::kHeaders);
}

void Group::Judge() {
  const std::shared_ptr<Operation> operation = std::exchange(agreeing_, nullptr);
  if (const std::string failure = Disagreement(); !failure.empty()) {
    ended_ = true;
    if (!gave_up_) failure_ = failure;
    if (operation->kind != Kind::kClose && operation->kind != Kind::kGiveUp) Settle(operation, failure);
    return EndAll(failure_);
  }
  if (operation->kind == Kind::kClose || operation->kind == Kind::kGiveUp) {
    ended_ = true;
    if (!gave_up_) failure_ = "The group of ranks is closed";
  } else if (operation->kind == Kind::kOpen || operation->kind == Kind::kBarrier) {
    // Those before may still move data; the end of a barrier says nothing of them.
    Settle(operation);
  } else {
    for (const Header& header : headers_) operation->sizes.push_back(static_cast<int>(header.bytes));
    transfers_->Add(operation);
  }
}

// Empty where all ranks are about to do the same.
std::string Group::Disagreement() const {
  const auto is_same = [&](const Header& header) {
    return header.kind == header_.kind && header.root == header_.root && header.number == header_.number &&
           header.shape == header_.shape &&
           (header.bytes == header_.bytes || header_.kind == static_cast<uint32_t>(Kind::kExchange));
  };
  if (std::all_of(headers_.begin(), headers_.end(), is_same)) return "";
  std::string calls;
  for (size_t rank = 0; rank < headers_.size(); ++rank) {
    const Header& header = headers_[rank];
    const auto kind = static_cast<Kind>(header.kind);
    const std::string who = Text(rank);
    if (kind == Kind::kGiveUp) {
      const char* why = header.root == 0 ? "a call was cancelled there" : "a call did not end there in its time";
      return Joined({"The group of ranks has ended: rank ", who, " gave up, since ", why});
    }
    if (kind == Kind::kClose) return Joined({"The group of ranks has ended: rank ", who, " closed it"});
    calls += Joined({rank > 0 ? ", " : "", "rank ", who, " ", NameOf(kind)});
    if (kind != Kind::kBarrier) calls += Joined({" of ", Text(header.bytes), " bytes"});
    if (kind == Kind::kReduce) calls += Joined({" to rank ", Text(header.root)});
    if (kind == Kind::kBroadcast) calls += Joined({" from rank ", Text(header.root)});
  }
  return Joined({"The ranks do not agree on call ", Text(header_.number), ": ", calls,
                 ". All ranks must make the same calls in the same order"});
}

void Group::CheckDeadline() {
  const auto& moving = transfers_->operations();
  const std::shared_ptr<Operation>& oldest = moving.empty() ? agreeing_ : moving.front();
  const Clock::time_point now = Clock::now();
  if (oldest != oldest_) {
    oldest_ = oldest;
    oldest_since_ = now;
  }
  if (gave_up_ || oldest == nullptr || oldest->settled || now - oldest_since_ < oldest->timeout) return;
  const auto timeout = std::chrono::duration_cast<milliseconds>(oldest->timeout).count();
  GiveUp(1, Joined({oldest->Describe(), " has not ended within ", Text(timeout),
                    " ms: another rank is late, stopped or gone, or the connection to it is"}));
}

// The data of calls on which the ranks agree still move, since others wait for them.
void Group::GiveUp(uint32_t why, const std::string& failure) {
  if (gave_up_ || ended_ || broken_) return;
  gave_up_ = true;
  why_ = why;
  EndAll(failure);
}

void Group::EndAll(const std::string& failure) {
  if (failure_.empty()) failure_ = failure;
  for (const std::shared_ptr<Operation>& operation : std::exchange(calls_, {})) {
    if (operation->kind != Kind::kClose) Settle(operation, failure_);
  }
  if (ended_ && !broken_ && !gave_up_) return;
  if (agreeing_ != nullptr && agreeing_->kind != Kind::kClose) Settle(agreeing_, failure_);
  if (transfers_ == nullptr) return;
  for (const std::shared_ptr<Operation>& operation : transfers_->operations()) Settle(operation, failure_);
}

void Group::Settle(const std::shared_ptr<Operation>& operation, const std::string& failure) {
  if (operation->settled) return;
  operation->settled = true;
  operation->failure = failure;
  listener_(operation);
}

void Group::Wait(bool changed) {
  if (changed) {
    changed_at_ = Clock::now();
    return;
  }
  const bool moves = transfers_ != nullptr && !transfers_->empty();
  if (broken_ || (agreeing_ == nullptr && !moves)) {
    const bool listens = !broken_ && !finalized_;
    std::unique_lock<std::mutex> lock(mutex_);
    const auto is_called = [&] { return !submitted_.empty() || cancelled_ || leaving_ || abort_code_.has_value(); };
    if (!listens) return wake_.wait(lock, is_called);
    if (wake_.wait_for(lock, kIdle, is_called)) return;
    lock.unlock();
    try {
      mpi_->Progress();
    } catch (const std::exception& error) {
      broken_ = true;
      EndAll(error.what());
    }
    return;
  }
  const Clock::duration waited = Clock::now() - changed_at_;
  if (waited < kSpin) return Pause();
  const Clock::duration longest = moves ? kLongestSleepForData : kLongestSleep;
  std::this_thread::sleep_for(std::clamp<Clock::duration>(waited / kPartOfWait, kShortestSleep, longest));
}

}  // namespace mayfly
