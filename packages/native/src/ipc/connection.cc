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

Connection::Connection(EventLoop* loop, int fd, std::shared_ptr<Lane> lane, Handlers handlers)
    : loop_(loop),
      lane_(std::move(lane)),
      handlers_(std::move(handlers)),
      socket_watch_(
          loop, "ERR_CONNECT", "a worker's socket",
          [fd](uv_loop_t* with, uv_poll_t* handle) { return uv_poll_init(with, handle, fd); },
          [this](int status, int events) { OnSocket(status, events); }),
      inbox_(lane_, kMaxAnswerBytes),
      outbox_(fd) {
  socket_watch_.SetReferenced(false);
  if (lane_ != nullptr) WatchLane();
  SetNonBlocking(fd);
#ifdef SO_NOSIGPIPE
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  fd_ = OwnedFd(fd);
  Watch();
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
  if (is_dispatch && ++in_flight_ == 1) {
    sent_at_ = uv_hrtime();
    KeepLoopAlive();
  }
  if (lane_ == nullptr) return;
  if (is_dispatch) StartLooking();
  RingAfterSend();
}

void Connection::Stream(const Frame& frame, const void* payload) {
  outbox_.Send(frame, payload);
  if (outbox_.queued_bytes() > 0) Watch();
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
  bell_watch_.Close();
  alarm_watch_.Close();
  look_.Close();
  awake_.Close();
  alarm_.Close();
  if (lane_ != nullptr) lane_->CloseBells();
  fd_.Close();
  if (!reading_) FreeBuffers();
}

// JavaScript's garbage collector sees a small object here and is in no hurry: thousands of closed connections must not
// keep their buffers until it comes.
void Connection::FreeBuffers() {
  inbox_ = Inbox(nullptr);
  lane_ = nullptr;
  outbox_ = Outbox(-1);
}

void Connection::OnSocket(int status, int events) {
  Turn([&] {
    if (status < 0) {
      // A peer that died with frames of ours unread resets the connection, and libuv then stops polling. What it had
      // answered before is still there.
      while (open_ && Read()) continue;
      return Lose("");
    }
    if (events & UV_WRITABLE) {
      outbox_.Flush();
      Watch();
    }
    if (open_ && (events & UV_READABLE)) Read();
  });
}

bool Connection::Read() {
  // One read an event is enough: what is left makes the descriptor readable again, and other handles get their turn.
  FrameReader& stream = inbox_.stream();
  uint8_t* into = stream.Reserve(kReadBytes);
  const ssize_t got = recv(fd_.get(), into, stream.capacity(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) {
    const std::string error = got < 0 && errno != ECONNRESET ? std::strerror(errno) : "";
    // Answers in the lane came before the end.
    Drain();
    Lose(error);
    return false;
  }
  stream.Commit(static_cast<size_t>(got));
  Drain();
  return true;
}

void Connection::Turn(const std::function<void()>& body) {
  in_turn_ = true;
  handlers_.enter([&] {
    try {
      body();
    } catch (const std::bad_alloc&) {
      Lose("Expected memory for frames of a worker, got none");
    } catch (const std::exception& error) {
      Lose(error.what());
    }
  });
  in_turn_ = false;
  if (open_ && std::exchange(bell_due_, false)) Ring();
}

void Connection::Drain() {
  reading_ = true;
  try {
    Frame frame;
    const uint8_t* payload;
    // What comes after the last look is rung for, so the last look is after falling asleep.
    for (bool asleep = lane_ == nullptr || looking_; open_;) {
      if (inbox_.Next(&frame, &payload)) {
        if (frame.kind == FrameKind::kCompletion) NoteAnswer(frame.first);
        handlers_.on_frame(frame, payload);
      } else if (asleep) {
        break;
      } else {
        lane_->FallAsleep();
        asleep = true;
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

void Connection::NoteAnswer(uint64_t nanoseconds) {
  if (in_flight_ > 0 && --in_flight_ == 0) KeepLoopAlive();
  last_evaluation_ = nanoseconds;
  forecast_.Record(nanoseconds);
  if (std::exchange(expecting_, false)) forecast_.Judge(true);
}

void Connection::Watch() {
  const int events = UV_READABLE | (outbox_.queued_bytes() > 0 ? UV_WRITABLE : 0);
  if (socket_watch_.is_open()) uv_poll_start(socket_watch_.get(), events, PollHandle::Entry);
}

void Connection::Lose(const std::string& error) {
  if (!open_) return;
  Close();
  handlers_.on_close(error);
}

}  // namespace mayfly
