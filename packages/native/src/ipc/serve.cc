#include "ipc/serve.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error.h"

namespace mayfly {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

DispatchStatus StatusOf(const std::string& code) {
  if (code == "ERR_PROGRAM_UNKNOWN") return DispatchStatus::kUnknownProgram;
  if (code == "ERR_ARENA_BOUNDS") return DispatchStatus::kOutOfBounds;
  return DispatchStatus::kFailed;
}

}  // namespace

ServeLoop::ServeLoop(int fd, std::shared_ptr<DeviceSession> session) : fd_(fd), session_(std::move(session)) {
  fcntl(fd, F_SETFD, FD_CLOEXEC);
}

ServeLoop::~ServeLoop() { close(fd_); }

bool ServeLoop::Serve(std::vector<uint8_t>* control) {
  for (;;) {
    Frame frame;
    const uint8_t* payload;
    while (reader_.Next(&frame, &payload)) {
      if (frame.kind == FrameKind::kDispatch) {
        Answer(frame, payload);
      } else if (frame.kind == FrameKind::kControl) {
        control->assign(payload, payload + frame.payload_bytes);
        return true;
      } else {
        throw Error("ERR_FRAME", "Expected a dispatch or a control frame, got a completion");
      }
    }
    uint8_t* into = reader_.Reserve(kReadBytes);
    const ssize_t got = recv(fd_, into, reader_.capacity(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    reader_.Commit(static_cast<size_t>(got));
  }
}

void ServeLoop::Send(const uint8_t* payload, size_t bytes) {
  Write(ControlFrame(bytes), payload);
}

void ServeLoop::Answer(const Frame& dispatch, const uint8_t* payload) {
  Frame answer;
  answer.kind = FrameKind::kCompletion;
  answer.id = dispatch.id;
  std::string message;
  try {
    if (dispatch.payload_bytes == 0) {
      offsets_ = {dispatch.first, dispatch.second};
    } else {
      if (dispatch.payload_bytes % sizeof(uint64_t) != 0) {
        throw Error("ERR_ARENA_BOUNDS", "Expected offsets of 8 bytes each, got " + std::to_string(dispatch.payload_bytes) + " bytes");
      }
      offsets_.resize(dispatch.payload_bytes / sizeof(uint64_t));
      std::memcpy(offsets_.data(), payload, offsets_.size() * sizeof(uint64_t));
    }
    answer.first = session_->Evaluate(dispatch.word, offsets_.data(), offsets_.size(),
                                      {static_cast<size_t>(dispatch.fresh_columns), dispatch.generation});
  } catch (const Error& error) {
    answer.word = static_cast<uint32_t>(StatusOf(error.code()));
    message = error.what();
  } catch (const std::exception& error) {
    answer.word = static_cast<uint32_t>(DispatchStatus::kFailed);
    message = error.what();
  }
  answer.payload_bytes = static_cast<uint32_t>(message.size());
  Write(answer, message.data());
}

void ServeLoop::Write(const Frame& frame, const void* payload) {
  out_.resize(kFrameBytes + frame.payload_bytes);
  EncodeFrame(frame, out_.data());
  if (frame.payload_bytes > 0) std::memcpy(out_.data() + kFrameBytes, payload, frame.payload_bytes);
  for (size_t at = 0; at < out_.size();) {
#ifdef MSG_NOSIGNAL
    const ssize_t sent = send(fd_, out_.data() + at, out_.size() - at, MSG_NOSIGNAL);
#else
    const ssize_t sent = send(fd_, out_.data() + at, out_.size() - at, 0);
#endif
    if (sent < 0 && errno == EINTR) continue;
    // The parent is gone; the next read says so.
    if (sent < 0) return;
    at += static_cast<size_t>(sent);
  }
}

}  // namespace mayfly
