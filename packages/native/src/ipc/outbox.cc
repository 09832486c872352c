#include "ipc/outbox.h"

#include <sys/socket.h>

#include <algorithm>

namespace mayfly {
namespace {

#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;
#endif

}  // namespace

void Outbox::Send(const Frame& frame, const void* payload) {
  uint8_t header[kFrameBytes];
  EncodeFrame(frame, header);
  if (queued_bytes() == 0 && frame.payload_bytes == 0) {
    const ssize_t sent = send(fd_, header, kFrameBytes, kSendFlags);
    if (sent == static_cast<ssize_t>(kFrameBytes)) return;
    const size_t taken = sent > 0 ? static_cast<size_t>(sent) : 0;
    queue_.insert(queue_.end(), header + taken, header + kFrameBytes);
  } else {
    // Reserving first keeps the queue whole where there is no memory: it gets all of the frame or nothing.
    const size_t needed = queue_.size() + kFrameBytes + frame.payload_bytes;
    if (needed > queue_.capacity()) queue_.reserve(std::max(needed, queue_.capacity() * 2));
    queue_.insert(queue_.end(), header, header + kFrameBytes);
    const auto* bytes = static_cast<const uint8_t*>(payload);
    queue_.insert(queue_.end(), bytes, bytes + frame.payload_bytes);
  }
  Flush();
}

void Outbox::Flush() {
  while (queued_bytes() > 0) {
    const ssize_t sent = send(fd_, queue_.data() + begin_, queued_bytes(), kSendFlags);
    // A broken pipe also shows as end of file, which is read after the answers that came before it.
    if (sent < 0) break;
    begin_ += static_cast<size_t>(sent);
  }
  // Moves the rest only when it is the smaller part, so that the cost of a byte stays constant.
  if (begin_ * 2 >= queue_.size()) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(begin_));
    begin_ = 0;
  }
  if (queue_.empty() && queue_.capacity() > kKeepBytes) std::vector<uint8_t>().swap(queue_);
}

}  // namespace mayfly
