// The ranks that a launcher started, joined by MPI. One thread of its own makes all calls of MPI.
//
// Every operation begins with an agreement: the ranks exchange headers, which say what each is about to do. Data move
// only where all headers are the same; otherwise all ranks know, at the same place in their order, that the group has
// ended, and why. A rank that has closed the group or given up says so by its next header. So no rank waits for one
// that will not come, and MPI can be finalized.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collective/mpi.h"
#include "collective/operation.h"
#include "collective/transfers.h"

namespace mayfly {

class Group {
 public:
  struct Settings {
    std::vector<std::string> files;  // of MPI; the first that is there is loaded
    std::string launcher;            // whose environment this is
    int rank = 0, size = 1;          // as the launcher says
    uint64_t slice_bytes = 0;        // see Transfers
  };
  // Gets each operation once, when it has ended for its caller. Called on the thread; must not throw.
  using Listener = std::function<void(const std::shared_ptr<Operation>&)>;

  // The group of this process. It is never destroyed.
  static Group& OfProcess();

  // Starts the thread, which joins the ranks and ends `open`. Throws ERR_COLLECTIVE the second time.
  void Open(Settings settings, Listener listener, std::shared_ptr<Operation> open);
  void Submit(std::shared_ptr<Operation> operation);
  // Ends the group for all ranks, since a call of this one was cancelled.
  void Cancel();
  // Ends the processes of all ranks.
  [[noreturn]] void Abort(int code);
  // Makes no call of MPI any more, and ends the thread; waits for that a moment.
  void Leave() noexcept;

  // Of the library; once the group is open.
  std::string name();
  uint64_t sent_bytes();

 private:
  Group() = default;
  using Clock = std::chrono::steady_clock;

  // What a rank is about to do, as the ranks exchange it.
  struct Header {
    uint32_t kind;
    uint32_t root;    // of kGiveUp, why: 0 a signal, 1 a deadline
    uint64_t number;  // of the call
    uint64_t bytes;   // of kOpen, the slice
    uint64_t shape;   // a hash of the ranges' sizes; of kOpen, the version of this exchange
  };

  void Serve() noexcept;
  void Join();
  void WaitFor(Mpi::Request request) const;
  bool TakeCalls();
  bool Turn();
  void PostHeader(const std::shared_ptr<Operation>& operation);
  void Judge();
  std::string Disagreement() const;
  void CheckDeadline();
  void GiveUp(uint32_t why, const std::string& failure);
  void EndAll(const std::string& failure);
  void Settle(const std::shared_ptr<Operation>& operation, const std::string& failure = "");
  void Wait(bool changed);

  Settings settings_;
  Listener listener_;

  std::mutex mutex_;
  std::condition_variable wake_, left_condition_;
  bool started_ = false, leaving_ = false, left_ = false;  // guarded by mutex_
  std::deque<std::shared_ptr<Operation>> submitted_;       // guarded by mutex_
  bool cancelled_ = false;                                 // guarded by mutex_
  std::optional<int> abort_code_;                          // guarded by mutex_
  std::string name_;                                       // guarded by mutex_

  // The thread alone uses what follows.
  std::unique_ptr<Mpi> mpi_;
  std::unique_ptr<Transfers> transfers_;
  std::deque<std::shared_ptr<Operation>> calls_;  // not agreed upon, in their order
  std::shared_ptr<Operation> agreeing_;           // whose headers are under way
  std::shared_ptr<Operation> closing_;
  Header header_{};
  std::vector<Header> headers_;  // of all ranks
  Mpi::Request header_request_;
  uint64_t number_ = 0;   // of the next call
  bool gave_up_ = false;  // callers here know that the group has ended
  bool ended_ = false;    // all ranks know
  bool broken_ = false;   // MPI failed: it is not called any more
  bool finalized_ = false;
  uint32_t why_ = 0;
  std::string failure_;  // why the group has ended
  std::shared_ptr<Operation> oldest_;
  Clock::time_point oldest_since_, closing_since_, changed_at_;
};

}  // namespace mayfly
