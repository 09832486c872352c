#include "ipc/inbox.h"

#include "error.h"

namespace mayfly {

bool Inbox::Next(Frame* frame, const uint8_t** payload) {
  if (!held_) held_ = reader_.Next(&frame_, &payload_);
  if (held_ && (lane_ == nullptr || frame_.after <= lane_->taken())) {
    held_ = false;
    ++streamed_;
    *frame = frame_;
    *payload = payload_;
    return true;
  }
  if (lane_ != nullptr && lane_->Peek(frame) && frame->after <= streamed_) {
    lane_->Take();
    *payload = nullptr;
    return true;
  }
  // The sender fills the ring before it writes to the socket, so every frame that `after` counts must be visible by
  // now.
  if (held_) throw Error("ERR_FRAME", "Expected frames in order, got one that follows " + std::to_string(frame_.after));
  return false;
}

}  // namespace mayfly
