#include "ipc/connection.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "error.h"
#include "ipc/watches.h"

namespace mayfly {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

}  // namespace

Connection::Connection(uv_loop_t* loop, int fd, std::shared_ptr<Lane> lane, Handlers handlers)
    : fd_(fd), lane_(std::move(lane)), handlers_(std::move(handlers)), inbox_(lane_, kMaxAnswerBytes), outbox_(fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
#ifdef SO_NOSIGPIPE
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  watches_ = new Watches{};
  watches_->owner = this;
  const int status = uv_poll_init(loop, &watches_->socket, fd);
  if (status != 0) {
    delete watches_;
    throw Error("ERR_CONNECT", std::string("Expected a socket, got: ") + uv_strerror(status));
  }
  watches_->Add(&watches_->socket);
  Watch();
  if (lane_ != nullptr) WatchLane(loop);
}

Connection::~Connection() { Close(); }

void Connection::Send(const Frame& frame, const void* payload) {
  if (!open_) return;
  Frame numbered = frame;
  if (frame.kind == FrameKind::kDispatch && ++in_flight_ == 1) {
    sent_at_ = uv_hrtime();
    KeepLoopAlive();
  }
  if (lane_ == nullptr) return Stream(numbered, payload);
  numbered.after = streamed_;
  if (frame.payload_bytes > 0 || !lane_->Push(numbered)) {
    numbered.after = lane_->pushed();
    ++streamed_;
    Stream(numbered, payload);
    lane_->CountStreamed();
  }
  if (frame.kind == FrameKind::kDispatch) StartLooking();
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

void Connection::KeepLoopAlive() {
  auto* handle = reinterpret_cast<uv_handle_t*>(&watches_->socket);
  if (referenced_ || in_flight_ > 0)
    uv_ref(handle);
  else
    uv_unref(handle);
}

void Connection::Close() {
  if (!open_) return;
  open_ = false;
  watches_->owner = nullptr;
  uv_poll_stop(&watches_->socket);
  watches_->Close(&watches_->socket);
  if (lane_ != nullptr) {
    uv_poll_stop(&watches_->bell);
    watches_->Close(&watches_->bell);
    watches_->Close(&watches_->look);
    watches_->Close(&watches_->awake);
    lane_->CloseBells();
    if (alarm_.fd() >= 0) {
      uv_poll_stop(&watches_->alarm);
      watches_->Close(&watches_->alarm);
      alarm_.Close();
    }
  }
  close(fd_);
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
  const ssize_t got = recv(fd_, into, stream.capacity(), 0);
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
  // A handler may destroy this object: what is needed afterwards is copied first, and libuv keeps the watches for now.
  const auto enter = handlers_.enter;
  Watches* const watches = watches_;
  watches->in_turn = true;
  enter(body);
  watches->in_turn = false;
  if (watches->owner != nullptr && std::exchange(bell_due_, false)) Ring();
}

void Connection::Drain() {
  std::string broken;
  try {
    reading_ = true;
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
  } catch (const Error& error) {
    broken = error.what();
  }
  reading_ = false;
  if (!open_) FreeBuffers();
  if (!broken.empty()) Lose(broken);
}

void Connection::NoteAnswer(uint64_t nanoseconds) {
  if (in_flight_ > 0 && --in_flight_ == 0) KeepLoopAlive();
  last_evaluation_ = nanoseconds;
  forecast_.Record(nanoseconds);
  if (std::exchange(expecting_, false)) forecast_.Judge(true);
}

void Connection::Watch() {
  const int events = UV_READABLE | (outbox_.queued_bytes() > 0 ? UV_WRITABLE : 0);
  uv_poll_start(&watches_->socket, events, [](uv_poll_t* handle, int status, int happened) {
    Connection* owner = Watches::OwnerOf(handle);
    if (owner != nullptr) owner->OnSocket(status, happened);
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
