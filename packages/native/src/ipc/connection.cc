#include "ipc/connection.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "error.h"

namespace mayfly {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
// Waking a sleeping processor takes about as long: a wait that is longer is better slept through.
constexpr uint64_t kSpinNanoseconds = 50'000;
// What a worker that sleeps on another processor may need before it reads its first frame.
constexpr uint64_t kWakeNanoseconds = 100'000;
// After so long other handles of the event loop get their turn.
constexpr uint64_t kTurnNanoseconds = 5'000;
#ifdef MSG_NOSIGNAL
constexpr int kSendFlags = MSG_NOSIGNAL;
#else
constexpr int kSendFlags = 0;
#endif

}  // namespace

// libuv frees a handle only after its close callback, which may come after the connection is gone.
struct Connection::Watches {
  uv_poll_t socket;
  uv_poll_t bell;
  // `look` looks for answers before each poll of the loop, `awake` keeps the loop from blocking in it meanwhile.
  uv_prepare_t look;
  uv_idle_t awake;
  // Null once it is closed.
  Connection* owner;
  bool in_turn = false;
  int open = 0;

  template <typename Handle>
  void Add(Handle* handle) {
    handle->data = this;
    uv_unref(reinterpret_cast<uv_handle_t*>(handle));
    ++open;
  }

  template <typename Handle>
  void Close(Handle* handle) {
    uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) {
      auto* watches = static_cast<Watches*>(closed->data);
      if (--watches->open == 0) delete watches;
    });
  }
};

Connection::Connection(uv_loop_t* loop, int fd, std::shared_ptr<Lane> lane, Handlers handlers)
    : fd_(fd), lane_(std::move(lane)), handlers_(std::move(handlers)), inbox_(lane_) {
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
  if (lane_ == nullptr) return;
  uv_poll_init(loop, &watches_->bell, lane_->bell_fd());
  uv_prepare_init(loop, &watches_->look);
  uv_idle_init(loop, &watches_->awake);
  watches_->Add(&watches_->bell);
  watches_->Add(&watches_->look);
  watches_->Add(&watches_->awake);
  uv_poll_start(&watches_->bell, UV_READABLE, [](uv_poll_t* handle, int, int) {
    Connection* owner = static_cast<Watches*>(handle->data)->owner;
    if (owner == nullptr) return;
    // The end of the socket tells of the end of the worker.
    if (!owner->lane_->AnswerBell()) uv_poll_stop(handle);
    owner->Turn([owner] { owner->Drain(); });
  });
  lane_->FallAsleep();
}

Connection::~Connection() { Close(); }

void Connection::Send(const Frame& frame, const void* payload) {
  if (!open_) return;
  Frame numbered = frame;
  if (frame.kind == FrameKind::kDispatch) ++in_flight_;
  if (lane_ == nullptr) return SendThroughSocket(numbered, payload);
  numbered.after = streamed_;
  if (frame.payload_bytes > 0 || !lane_->Push(numbered)) {
    numbered.after = lane_->pushed();
    ++streamed_;
    SendThroughSocket(numbered, payload);
    lane_->CountStreamed();
  }
  // The worker would take this processor at once and answer each dispatch before the next. A long kernel should begin now,
  // whatever else this turn does; a short one loses nothing, for its answer cannot be taken before the end of the turn.
  if (frame.kind == FrameKind::kDispatch) StartLooking();
  if (watches_->in_turn && last_evaluation_ < kSpinNanoseconds) bell_due_ = true;
  else Ring();
}

void Connection::SendThroughSocket(const Frame& frame, const void* payload) {
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
  auto* handle = reinterpret_cast<uv_handle_t*>(&watches_->socket);
  if (referenced) uv_ref(handle);
  else uv_unref(handle);
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
  }
  close(fd_);
  if (!reading_) FreeBuffers();
}

// JavaScript's garbage collector sees a small object here and is in no hurry: thousands of closed connections must not keep
// their buffers until it comes.
void Connection::FreeBuffers() {
  inbox_ = Inbox(nullptr);
  lane_ = nullptr;
  std::vector<uint8_t>().swap(queue_);
  queue_begin_ = 0;
}

void Connection::OnSocket(int status, int events) {
  Turn([&] {
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
        if (frame.kind == FrameKind::kCompletion) {
          if (in_flight_ > 0) --in_flight_;
          last_evaluation_ = frame.first;
        }
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

void Connection::Ring() {
  if (lane_->Ring()) patience_ = uv_hrtime() + kWakeNanoseconds + kSpinNanoseconds;
}

// A worker that takes this processor when it is rung has often answered by the time the event loop would sleep.
void Connection::StartLooking() {
  if (looking_) return;
  looking_ = true;
  patience_ = uv_hrtime() + kSpinNanoseconds;
  lane_->WakeUp();
  uv_idle_start(&watches_->awake, [](uv_idle_t*) {});
  uv_prepare_start(&watches_->look, [](uv_prepare_t* handle) {
    Connection* owner = static_cast<Watches*>(handle->data)->owner;
    if (owner != nullptr) owner->Look();
  });
}

void Connection::StopLooking() {
  looking_ = false;
  uv_idle_stop(&watches_->awake);
  uv_prepare_stop(&watches_->look);
  lane_->FallAsleep();
  // What came before is not rung for.
  if (!lane_->IsEmpty()) Turn([this] { Drain(); });
}

// Only where it costs the worker nothing, and where the answer is likely to come soon.
bool Connection::MaySpin() { return in_flight_ > 0 && last_evaluation_ <= kSpinNanoseconds && lane_->PeerIsElsewhere(); }

void Connection::Look() {
  const Watches* const watches = watches_;
  for (const uint64_t turn_end = uv_hrtime() + kTurnNanoseconds;;) {
    while (lane_->IsEmpty()) {
      const uint64_t now = uv_hrtime();
      if (now > patience_ || !MaySpin()) return StopLooking();
      if (now > turn_end) return;
      for (int i = 0; i < 16; ++i) Relax();
    }
    Turn([this] { Drain(); });
    if (watches->owner == nullptr) return;
    const uint64_t now = uv_hrtime();
    patience_ = now + kSpinNanoseconds;
    if (now > turn_end) return;
  }
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
  uv_poll_start(&watches_->socket, events, [](uv_poll_t* handle, int status, int happened) {
    Connection* owner = static_cast<Watches*>(handle->data)->owner;
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
