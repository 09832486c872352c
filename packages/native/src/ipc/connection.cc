#include "ipc/connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "error.h"

namespace mayfly {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

}  // namespace

Connection::Connection(EventLoop* loop, int fd, std::shared_ptr<Lane> lane, Handler* handler)
    : lane_(std::move(lane)),
      handler_(handler),
      socket_watch_(
          loop, "ERR_CONNECT", "a worker's socket",
          [fd](uv_loop_t* with, uv_poll_t* handle) { return uv_poll_init(with, handle, fd); },
          [this](int status, int events) { OnSocket(status, events); }),
      inbox_(lane_, kMaxAnswerBytes),
      outbox_(fd) {
  socket_watch_.SetReferenced(false);
  if (lane_ != nullptr) lane_watch_.emplace(loop, lane_, [this] { Turn([this] { Drain(); }); });
  SetNonBlocking(fd);
#ifdef SO_NOSIGPIPE
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  fd_ = OwnedFd(fd);
  WatchSocket();
}

Connection::~Connection() { Close(); }

void Connection::Send(const Frame& frame, const void* payload) {
  if (!open_) return;
  const bool is_dispatch = frame.kind == FrameKind::kDispatch;
  Frame numbered = frame;
  numbered.after = streamed_;
  if (lane_ == nullptr) {
    Stream(frame, payload);
  } else if (frame.payload_bytes > 0 || !lane_->Push(numbered)) {
    numbered.after = lane_->pushed();
    Stream(numbered, payload);
    // Counted once it is on its way: a frame that could not be kept was never sent.
    ++streamed_;
    lane_->CountStreamed();
  }
  if (is_dispatch && ++in_flight_ == 1) KeepLoopAlive();
  if (lane_watch_) lane_watch_->Sent(is_dispatch, in_flight_, in_turn_);
}

void Connection::Stream(const Frame& frame, const void* payload) {
  outbox_.Send(frame, payload);
  if (outbox_.queued_bytes() > 0) WatchSocket();
}

void Connection::SetReferenced(bool referenced) {
  referenced_ = referenced;
  if (open_) KeepLoopAlive();
}

void Connection::KeepLoopAlive() { socket_watch_.SetReferenced(referenced_ || in_flight_ > 0); }

void Connection::Close() {
  if (!open_) return;
  open_ = false;
  socket_watch_.Close();
  if (lane_watch_) lane_watch_->Close();
  if (lane_ != nullptr) lane_->CloseBells();
  fd_.Close();
  if (!reading_) FreeBuffers();
}

// To JavaScript's garbage collector a connection is a small object that can wait, so its buffers must not wait with it:
// there may be thousands of closed connections.
void Connection::FreeBuffers() {
  inbox_ = Inbox(nullptr);
  lane_ = nullptr;
  outbox_ = Outbox(-1);
}

void Connection::OnSocket(int status, int events) {
  Turn([&] {
    if (status < 0) {
      // A peer that dies with frames of ours unread resets the connection, and libuv then stops polling. The answers
      // that it had sent can still be read.
      while (open_ && Read()) continue;
      return Lose("");
    }
    if (events & UV_WRITABLE) {
      outbox_.Flush();
      WatchSocket();
    }
    if (open_ && (events & UV_READABLE)) Read();
  });
}

bool Connection::Read() {
  // One read per event: what is left makes the descriptor readable again, after the other handles had their turn.
  FrameReader& stream = inbox_.stream();
  uint8_t* into = stream.Reserve(kReadBytes);
  const ssize_t got = recv(fd_.get(), into, stream.capacity(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) {
    const std::string error = got < 0 && errno != ECONNRESET ? std::strerror(errno) : "";
    // Answers in the lane were sent before the end of the stream.
    Drain();
    Lose(error);
    return false;
  }
  stream.Commit(static_cast<size_t>(got));
  Drain();
  return true;
}

void Connection::Turn(FunctionRef<void()> body) {
  in_turn_ = true;
  handler_->OnTurn([&] {
    try {
      body();
    } catch (const std::bad_alloc&) {
      Lose("Cannot read frames of a worker: out of memory");
    } catch (const std::exception& error) {
      Lose(error.what());
    }
  });
  in_turn_ = false;
  if (open_ && lane_watch_) lane_watch_->EndTurn();
}

void Connection::Drain() {
  reading_ = true;
  try {
    Frame frame;
    const uint8_t* payload;
    for (bool is_last_look = !lane_watch_; open_;) {
      if (inbox_.Next(&frame, &payload)) {
        if (frame.kind == FrameKind::kCompletion) CountAnswer(frame.first);
        handler_->OnFrame(frame, payload);
      } else if (is_last_look || !lane_watch_->FallAsleep()) {
        break;
      } else {
        is_last_look = true;
      }
    }
  } catch (...) {
    StopReading();
    throw;
  }
  StopReading();
}

void Connection::StopReading() {
  reading_ = false;
  if (!open_) FreeBuffers();
}

void Connection::CountAnswer(uint64_t nanoseconds) {
  if (in_flight_ > 0 && --in_flight_ == 0) KeepLoopAlive();
  if (lane_watch_) lane_watch_->Answered(nanoseconds, in_flight_);
}

void Connection::WatchSocket() {
  const int events = UV_READABLE | (outbox_.queued_bytes() > 0 ? UV_WRITABLE : 0);
  if (socket_watch_.is_open()) uv_poll_start(socket_watch_.get(), events, PollHandle::Entry);
}

void Connection::Lose(const std::string& error) {
  if (!open_) return;
  Close();
  handler_->OnClose(error);
}

}  // namespace mayfly
