#include "ipc/lane_watch.h"

#include <uv.h>

#include <utility>

#include "error.h"
#include "parallel/pause.h"

namespace mayfly {
namespace {

// Waking a sleeping processor takes about as long: a longer wait is better slept through.
constexpr uint64_t kSpinNanoseconds = 50'000;
// The time that a worker asleep on another processor may need before it reads its first frame.
constexpr uint64_t kWakeNanoseconds = 100'000;
// The longest time to look in one iteration of the event loop: its other handles must get their turn.
constexpr uint64_t kTurnNanoseconds = 5'000;

constexpr const char* kCode = "ERR_CONNECT";

}  // namespace

LaneWatch::LaneWatch(EventLoop* loop, std::shared_ptr<Lane> lane, std::function<void()> read)
    : loop_(loop),
      lane_(std::move(lane)),
      read_(std::move(read)),
      bell_watch_(
          loop, kCode, "a worker's bell",
          [this](uv_loop_t* with, uv_poll_t* handle) { return uv_poll_init(with, handle, lane_->bell_fd()); },
          [this](int, int) {
            // A closed bell stays readable. The end of the socket reports the end of the worker.
            if (!lane_->AnswerBell()) uv_poll_stop(bell_watch_.get());
            read_();
          }),
      look_(loop, kCode, "a worker's lane", uv_prepare_init, [this] { Look(); }),
      awake_(loop, kCode, "a worker's lane", uv_idle_init, [] {}) {
  bell_watch_.SetReferenced(false);
  look_.SetReferenced(false);
  awake_.SetReferenced(false);
  uv_poll_start(bell_watch_.get(), UV_READABLE, PollHandle::Entry);
  lane_->FallAsleep();
}

void LaneWatch::Close() {
  bell_watch_.Close();
  alarm_watch_.Close();
  look_.Close();
  awake_.Close();
  alarm_.Close();
  lane_ = nullptr;
}

void LaneWatch::Sent(bool is_dispatch, uint64_t in_flight, bool in_turn) {
  in_flight_ = in_flight;
  if (is_dispatch) {
    if (in_flight == 1) sent_at_ = uv_hrtime();
    // A worker that takes this processor when it is rung has often answered by the time the event loop would sleep.
    StartLooking();
  }
  // A worker that is rung takes this processor at once and answers each dispatch before the next is sent. For a long
  // kernel that is right: it should begin now, whatever else this turn does. A short one loses nothing by waiting,
  // since its answer cannot be read before the end of the turn.
  if (in_turn && last_evaluation_ < kSpinNanoseconds)
    bell_due_ = true;
  else
    Ring();
}

void LaneWatch::EndTurn() {
  if (std::exchange(bell_due_, false)) Ring();
}

void LaneWatch::Answered(uint64_t nanoseconds, uint64_t in_flight) {
  in_flight_ = in_flight;
  last_evaluation_ = nanoseconds;
  forecast_.Record(nanoseconds);
  if (std::exchange(expecting_, false)) forecast_.Judge(true);
}

bool LaneWatch::FallAsleep() {
  if (looking_) return false;
  lane_->FallAsleep();
  return true;
}

void LaneWatch::Ring() {
  if (lane_->Ring()) spin_until_ = uv_hrtime() + kWakeNanoseconds + kSpinNanoseconds;
}

void LaneWatch::StartLooking() {
  if (looking_) return;
  looking_ = true;
  spin_until_ = uv_hrtime() + kSpinNanoseconds;
  lane_->WakeUp();
  uv_idle_start(awake_.get(), IdleHandle::Entry);
  uv_prepare_start(look_.get(), PrepareHandle::Entry);
}

void LaneWatch::StopLooking() {
  looking_ = false;
  uv_idle_stop(awake_.get());
  uv_prepare_stop(look_.get());
  lane_->FallAsleep();
  // Frames pushed before this side fell asleep ring no bell.
  if (!lane_->IsEmpty()) return read_();
  if (expecting_)
    forecast_.Judge(false);
  else
    SetAlarm();
  expecting_ = false;
}

// Only where the worker has a processor of its own, and an answer is likely to come soon.
bool LaneWatch::MaySpin() {
  return in_flight_ > 0 && (expecting_ || last_evaluation_ <= kSpinNanoseconds) && lane_->PeerIsElsewhere();
}

void LaneWatch::Look() {
  for (const uint64_t turn_end = uv_hrtime() + kTurnNanoseconds;;) {
    while (lane_->IsEmpty()) {
      const uint64_t now = uv_hrtime();
      if (now > spin_until_ || !MaySpin()) return StopLooking();
      if (now > turn_end) return;
      for (int i = 0; i < 16; ++i) Pause();
    }
    read_();
    if (lane_ == nullptr) return;
    const uint64_t now = uv_hrtime();
    spin_until_ = now + kSpinNanoseconds;
    if (now > turn_end) return;
  }
}

// With several dispatches in flight the worker does not wait for this process, and an alarm gains nothing.
void LaneWatch::SetAlarm() {
  const uint64_t after = forecast_.wake_after();
  if (after == 0 || in_flight_ != 1 || !lane_->PeerIsElsewhere()) return;
  const uint64_t due = sent_at_ + after, now = uv_hrtime();
  if (due <= now || !OpenAlarm()) return;
  alarm_.Set(due - now);
}

bool LaneWatch::OpenAlarm() {
  if (alarm_.fd() >= 0) return true;
  if (!alarm_.Open()) return false;
  try {
    alarm_watch_ = PollHandle(
        loop_, kCode, "an alarm",
        [this](uv_loop_t* loop, uv_poll_t* handle) { return uv_poll_init(loop, handle, alarm_.fd()); },
        [this](int, int) {
          alarm_.Answer();
          if (in_flight_ != 1 || looking_) return;
          expecting_ = true;
          StartLooking();
        });
  } catch (const Error&) {
    // Without an alarm, answers are read a little later.
    alarm_.Close();
    return false;
  }
  alarm_watch_.SetReferenced(false);
  uv_poll_start(alarm_watch_.get(), UV_READABLE, PollHandle::Entry);
  return true;
}

}  // namespace mayfly
