// Decides when the main process reads a lane. While dispatches are in flight it looks into the lane before each poll of
// the event loop and spins for answers that are due soon; an alarm wakes it shortly before the answer to a longer
// evaluation; otherwise it sleeps until the worker rings. See "The lane" in docs/internals/protocol.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "event_loop.h"
#include "ipc/alarm.h"
#include "ipc/forecast.h"
#include "ipc/lane.h"

namespace mayfly {

class LaneWatch {
 public:
  // `read` takes all frames out of the lane; it may call Close. Throws ERR_CONNECT.
  LaneWatch(EventLoop* loop, std::shared_ptr<Lane> lane, std::function<void()> read);
  LaneWatch(const LaneWatch&) = delete;
  LaneWatch& operator=(const LaneWatch&) = delete;

  // A frame was sent, after which `in_flight` dispatches have no answer. Within a turn of the connection, the bell may
  // wait for EndTurn.
  void Sent(bool is_dispatch, uint64_t in_flight, bool in_turn);
  void EndTurn();
  // An answer was read: the evaluation took this long, and `in_flight` dispatches have no answer now.
  void Answered(uint64_t nanoseconds, uint64_t in_flight);

  // Asks the worker to ring from now on, and returns true: look into the lane once more, since what is there already
  // rings no bell. False while this side looks into the lane by itself.
  bool FallAsleep();

  // Lets go of the lane and of all handles.
  void Close();

 private:
  void Ring();
  void StartLooking();
  void StopLooking();
  void Look();
  bool MaySpin();
  void SetAlarm();
  bool OpenAlarm();

  EventLoop* loop_;
  // Null once closed.
  std::shared_ptr<Lane> lane_;
  std::function<void()> read_;
  Alarm alarm_;
  // Declared after the descriptors that they watch: libuv must let go of one before it is closed.
  PollHandle bell_watch_;
  PollHandle alarm_watch_;
  // `look_` runs before each poll of the loop; `awake_` keeps the loop from blocking in the poll meanwhile.
  PrepareHandle look_;
  IdleHandle awake_;
  // Dispatches without an answer.
  uint64_t in_flight_ = 0;
  // The uv_hrtime at which the only dispatch in flight was sent.
  uint64_t sent_at_ = 0;
  // Nanoseconds of the last evaluation.
  uint64_t last_evaluation_ = 0;
  Forecast forecast_;
  // Sends of this turn ring once, at its end.
  bool bell_due_ = false;
  // `look_` is running: the worker need not ring.
  bool looking_ = false;
  // The alarm went off, and this side looks for the answer that it announced.
  bool expecting_ = false;
  // The uv_hrtime at which spinning stops; every answer moves it forward.
  uint64_t spin_until_ = 0;
};

}  // namespace mayfly
