#include "ipc/connection.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error.h"

namespace mayfly {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;
#endif

}  // namespace

// libuv frees a handle only after its close callback, which may come after the connection is gone.
struct Connection::Poll {
  uv_poll_t handle;
  Connection* owner;
};

Connection::Connection(uv_loop_t* loop, int fd, Handlers handlers) : fd_(fd), handlers_(std::move(handlers)) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
#ifdef SO_NOSIGPIPE
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  poll_ = new Poll{};
  poll_->owner = this;
  poll_->handle.data = poll_;
  const int status = uv_poll_init(loop, &poll_->handle, fd);
  if (status != 0) {
    delete poll_;
    throw Error("ERR_CONNECT", std::string("Expected a socket, got: ") + uv_strerror(status));
  }
  uv_unref(reinterpret_cast<uv_handle_t*>(&poll_->handle));
  Watch();
}

Connection::~Connection() { Close(); }

void Connection::Send(const Frame& frame, const void* payload) {
  if (!open_) return;
  uint8_t header[kFrameBytes];
  EncodeFrame(frame, header);
  if (queued_bytes() == 0 && frame.payload_bytes == 0) {
    const ssize_t sent = send(fd_, header, kFrameBytes, kSendFlags);
    if (sent == static_cast<ssize_t>(kFrameBytes)) return;
    const size_t taken = sent > 0 ? static_cast<size_t>(sent) : 0;
    queue_.insert(queue_.end(), header + taken, header + kFrameBytes);
  } else {
    queue_.insert(queue_.end(), header, header + kFrameBytes);
    const auto* bytes = static_cast<const uint8_t*>(payload);
    queue_.insert(queue_.end(), bytes, bytes + frame.payload_bytes);
  }
  Flush();
}

void Connection::SetReferenced(bool referenced) {
  if (!open_) return;
  auto* handle = reinterpret_cast<uv_handle_t*>(&poll_->handle);
  if (referenced) uv_ref(handle);
  else uv_unref(handle);
}

void Connection::Close() {
  if (!open_) return;
  open_ = false;
  poll_->owner = nullptr;
  uv_poll_stop(&poll_->handle);
  uv_close(reinterpret_cast<uv_handle_t*>(&poll_->handle), [](uv_handle_t* handle) { delete static_cast<Poll*>(handle->data); });
  close(fd_);
  if (!reading_) FreeBuffers();
}

// JavaScript's garbage collector sees a small object here and is in no hurry: thousands of closed connections must not keep
// their buffers until it comes.
void Connection::FreeBuffers() {
  reader_ = FrameReader();
  std::vector<uint8_t>().swap(queue_);
  queue_begin_ = 0;
}

void Connection::OnEvents(int status, int events) {
  // A handler may drop the last reference to this object: what runs here is copied first.
  const auto enter = handlers_.enter;
  enter([&] {
    if (status < 0) {
      // A peer that died with frames of ours unread resets the connection, and libuv then stops polling. What it had
      // answered before is still there.
      while (open_ && Read()) continue;
      return Lose("");
    }
    if (events & UV_WRITABLE) Flush();
    if (open_ && (events & UV_READABLE)) Read();
  });
}

bool Connection::Read() {
  // One read an event is enough: what is left makes the descriptor readable again, and other handles get their turn.
  uint8_t* into = reader_.Reserve(kReadBytes);
  const ssize_t got = recv(fd_, into, reader_.capacity(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) {
    Lose(got < 0 && errno != ECONNRESET ? std::strerror(errno) : "");
    return false;
  }
  reader_.Commit(static_cast<size_t>(got));
  std::string broken;
  try {
    reading_ = true;
    Frame frame;
    const uint8_t* payload;
    while (open_ && reader_.Next(&frame, &payload)) handlers_.on_frame(frame, payload);
  } catch (const Error& error) {
    broken = error.what();
  }
  reading_ = false;
  if (!open_) FreeBuffers();
  if (!broken.empty()) Lose(broken);
  return true;
}

void Connection::Flush() {
  while (queued_bytes() > 0) {
    const ssize_t sent = send(fd_, queue_.data() + queue_begin_, queued_bytes(), kSendFlags);
    // A broken pipe shows as end of file, which is read in its turn after the answers before it.
    if (sent < 0) break;
    queue_begin_ += static_cast<size_t>(sent);
  }
  // Moving what is left only when it is the smaller part keeps the cost of a byte constant.
  if (queue_begin_ * 2 >= queue_.size()) {
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<ptrdiff_t>(queue_begin_));
    queue_begin_ = 0;
  }
  if (queue_.empty() && queue_.capacity() > kKeepBytes) std::vector<uint8_t>().swap(queue_);
  Watch();
}

void Connection::Watch() {
  const int events = UV_READABLE | (queued_bytes() > 0 ? UV_WRITABLE : 0);
  uv_poll_start(&poll_->handle, events, [](uv_poll_t* handle, int status, int happened) {
    auto* poll = static_cast<Poll*>(handle->data);
    if (poll->owner != nullptr) poll->owner->OnEvents(status, happened);
  });
}

void Connection::Lose(const std::string& error) {
  if (!open_) return;
  // The handler may destroy this object.
  const auto on_close = handlers_.on_close;
  Close();
  on_close(error);
}

}  // namespace mayfly
