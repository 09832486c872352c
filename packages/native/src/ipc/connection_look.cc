// When the main process looks for answers in the lane, and when it sleeps until it is rung.
// See "The lane" in docs/protocol.md.
#include <uv.h>

#include "error.h"
#include "ipc/connection.h"

namespace mayfly {
namespace {

// Waking a sleeping processor takes about as long: a wait that is longer is better slept through.
constexpr uint64_t kSpinNanoseconds = 50'000;
// What a worker that sleeps on another processor may need before it reads its first frame.
constexpr uint64_t kWakeNanoseconds = 100'000;
// After so long other handles of the event loop get their turn.
constexpr uint64_t kTurnNanoseconds = 5'000;

}  // namespace

void Connection::WatchLane() {
  constexpr const char* kCode = "ERR_CONNECT";
  bell_watch_ = PollHandle(
      loop_, kCode, "a worker's bell",
      [this](uv_loop_t* loop, uv_poll_t* handle) { return uv_poll_init(loop, handle, lane_->bell_fd()); },
      [this](int, int) {
        // The end of the socket tells of the end of the worker.
        if (!lane_->AnswerBell()) uv_poll_stop(bell_watch_.get());
        Turn([this] { Drain(); });
      });
  look_ = PrepareHandle(loop_, kCode, "for answers", uv_prepare_init, [this] { Look(); });
  awake_ = IdleHandle(loop_, kCode, "for answers", uv_idle_init, [] {});
  bell_watch_.SetReferenced(false);
  look_.SetReferenced(false);
  awake_.SetReferenced(false);
  uv_poll_start(bell_watch_.get(), UV_READABLE, PollHandle::Entry);
  lane_->FallAsleep();
}

void Connection::RingAfterSend() {
  // The worker would take this processor at once and answer each dispatch before the next. A long kernel should begin
  // now, whatever else this turn does; a short one loses nothing, for its answer cannot be taken before the end of the
  // turn.
  if (in_turn_ && last_evaluation_ < kSpinNanoseconds)
    bell_due_ = true;
  else
    Ring();
}

void Connection::Ring() {
  if (lane_->Ring()) patience_ = uv_hrtime() + kWakeNanoseconds + kSpinNanoseconds;
}

// A worker that takes this processor when it is rung has often answered by the time the event loop would sleep.
void Connection::StartLooking() {
  if (looking_) return;
  looking_ = true;
  patience_ = uv_hrtime() + kSpinNanoseconds;
  lane_->WakeUp();
  uv_idle_start(awake_.get(), IdleHandle::Entry);
  uv_prepare_start(look_.get(), PrepareHandle::Entry);
}

void Connection::StopLooking() {
  looking_ = false;
  uv_idle_stop(awake_.get());
  uv_prepare_stop(look_.get());
  lane_->FallAsleep();
  // What came before is not rung for.
  if (!lane_->IsEmpty()) return Turn([this] { Drain(); });
  if (expecting_)
    forecast_.Judge(false);
  else
    SetAlarm();
  expecting_ = false;
}

// Only where it costs the worker nothing, and where the answer is likely to come soon.
bool Connection::MaySpin() {
  return in_flight_ > 0 && (expecting_ || last_evaluation_ <= kSpinNanoseconds) && lane_->PeerIsElsewhere();
}

void Connection::Look() {
  for (const uint64_t turn_end = uv_hrtime() + kTurnNanoseconds;;) {
    while (lane_->IsEmpty()) {
      const uint64_t now = uv_hrtime();
      if (now > patience_ || !MaySpin()) return StopLooking();
      if (now > turn_end) return;
      for (int i = 0; i < 16; ++i) Relax();
    }
    Turn([this] { Drain(); });
    if (!open_) return;
    const uint64_t now = uv_hrtime();
    patience_ = now + kSpinNanoseconds;
    if (now > turn_end) return;
  }
}

// With several in flight the worker does not wait for this process, and nothing is gained.
void Connection::SetAlarm() {
  const uint64_t after = forecast_.wake_after();
  if (after == 0 || in_flight_ != 1 || !lane_->PeerIsElsewhere()) return;
  const uint64_t due = sent_at_ + after, now = uv_hrtime();
  if (due <= now || !OpenAlarm()) return;
  alarm_.Set(due - now);
}

bool Connection::OpenAlarm() {
  if (alarm_.fd() >= 0) return true;
  if (!alarm_.Open()) return false;
  try {
    alarm_watch_ = PollHandle(
        loop_, "ERR_CONNECT", "an alarm",
        [this](uv_loop_t* loop, uv_poll_t* handle) { return uv_poll_init(loop, handle, alarm_.fd()); },
        [this](int, int) {
          alarm_.Answer();
          if (in_flight_ != 1 || looking_) return;
          expecting_ = true;
          StartLooking();
        });
  } catch (const Error&) {
    // Without an alarm answers are seen a little later.
    alarm_.Close();
    return false;
  }
  alarm_watch_.SetReferenced(false);
  uv_poll_start(alarm_watch_.get(), UV_READABLE, PollHandle::Entry);
  return true;
}

}  // namespace mayfly
