#include "ipc/serve.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "error.h"
#include "parallel/affinity.h"
#include "parallel/pause.h"

namespace mayfly {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
// Waking a sleeping processor takes about as long: a longer wait is better slept through.
constexpr std::chrono::microseconds kSpin{50};
// Answers to short dispatches ring the bell together. Rung for each, the parent would take this processor at once and
// read them one by one.
constexpr std::chrono::microseconds kRingAfter{10};
// After a wait shorter than this, the next one is worth spinning for. A wait with sleep includes the time of waking up.
constexpr std::chrono::microseconds kBusy{200};

// Bounds the message of a failed dispatch, in which a device may quote its whole input.
constexpr size_t kLongestMessage = 1 << 16;

DispatchStatus StatusOf(const std::string& code) {
  if (code == "ERR_PROGRAM_UNKNOWN") return DispatchStatus::kUnknownProgram;
  if (code == "ERR_ARENA_BOUNDS") return DispatchStatus::kOutOfBounds;
  if (code == "ERR_INPUT_DATA") return DispatchStatus::kInputData;
  return DispatchStatus::kFailed;
}

}  // namespace

ServeLoop::ServeLoop(int fd, std::shared_ptr<Lane> lane, std::shared_ptr<DeviceSession> session)
    : fd_(fd), lane_(std::move(lane)), session_(std::move(session)), inbox_(lane_) {
  SetCloseOnExec(fd);
  HurryThisThread();
}

ServeLoop::~ServeLoop() { Settle(); }

void ServeLoop::Settle() {
  std::unique_lock<std::mutex> lock(mutex_);
  settled_.wait(lock, [this] { return pending_ == failed_.size(); });
  for (const Unanswered& each : failed_) {
    Frame answer = each.answer;
    std::string message;
    try {
      each.output->Wait();
    } catch (const std::exception& error) {
      answer = Frame();
      answer.kind = FrameKind::kCompletion;
      answer.id = each.answer.id;
      answer.word = static_cast<uint32_t>(DispatchStatus::kFailed);
      message = std::string(error.what()).substr(0, kLongestMessage);
      answer.payload_bytes = static_cast<uint32_t>(message.size());
    }
    Push(answer, message.data());
    RingNow();
  }
  pending_ = 0;
  failed_.clear();
}

bool ServeLoop::Serve(std::vector<uint8_t>* control) {
  do {
    Frame frame;
    const uint8_t* payload;
    while (inbox_.Next(&frame, &payload)) {
      if (frame.kind == FrameKind::kDispatch) {
        Answer(frame, payload);
      } else if (frame.kind == FrameKind::kPrefetch) {
        Prefetch(frame, payload);
      } else if (frame.kind == FrameKind::kControl) {
        // It may unload a program, and its answer comes after those of the dispatches before.
        Settle();
        Ring();
        control->assign(payload, payload + frame.payload_bytes);
        return true;
      } else {
        throw Error("ERR_FRAME", "Expected a dispatch, a prefetch or a control frame, got a completion");
      }
    }
  } while (Wait());
  Settle();
  return false;
}

bool ServeLoop::Wait() {
  Ring();
  if (SpinWhilePending()) return true;
  // There is nothing else to do, and this thread writes what the other one could not.
  Settle();
  if (inbox_.ExpectsStream() || !parent_rings_) return ReadSocket();
  const Clock::time_point begin = Clock::now();
  if (!busy_ || !Spin(begin)) Sleep();
  busy_ = Clock::now() - begin < kBusy;
  return true;
}

bool ServeLoop::ReadSocket() {
  FrameReader& stream = inbox_.stream();
  uint8_t* into = stream.Reserve(kReadBytes);
  ssize_t got;
  do {
    got = recv(fd_.get(), into, stream.capacity(), 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) stream.Commit(static_cast<size_t>(got));
  return got > 0;
}

void ServeLoop::Sleep() {
  lane_->FallAsleep();
  // Frames pushed before FallAsleep ring no bell.
  if (lane_->IsEmpty() && !inbox_.ExpectsStream()) parent_rings_ = lane_->AnswerBell();
  lane_->WakeUp();
}

bool ServeLoop::SpinWhilePending() {
  if (lane_ == nullptr || !parent_rings_) return false;
  while (!inbox_.ExpectsStream()) {
    if (!lane_->IsEmpty()) return true;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (pending_ == failed_.size()) return false;
    }
    if (lane_->PeerIsElsewhere()) {
      for (int i = 0; i < 64; ++i) Pause();
    } else {
      std::this_thread::yield();
    }
  }
  return false;
}

bool ServeLoop::Spin(Clock::time_point begin) {
  while (lane_->IsEmpty() && !inbox_.ExpectsStream()) {
    if (!lane_->PeerIsElsewhere() || Clock::now() - begin > kSpin) return false;
    for (int i = 0; i < 16; ++i) Pause();
  }
  return true;
}

void ServeLoop::Send(const uint8_t* payload, size_t bytes) { Write(ControlFrame(bytes), payload); }

void ServeLoop::ReadInput(const Frame& frame, const uint8_t* payload) {
  static_assert(sizeof(PartRange) == kPartBytes);
  const size_t part_bytes = frame.parts * kPartBytes;
  if (frame.payload_bytes < part_bytes || (frame.payload_bytes - part_bytes) % sizeof(uint64_t) != 0) {
    throw Error("ERR_ARENA_BOUNDS", "Expected offsets of 8 bytes each and " + std::to_string(frame.parts) +
                                        " parts, got " + std::to_string(frame.payload_bytes) + " bytes");
  }
  const size_t offset_bytes = frame.payload_bytes - part_bytes;
  if (offset_bytes == 0) {
    offsets_ = {frame.first, frame.second};
  } else {
    offsets_.resize(offset_bytes / sizeof(uint64_t));
    std::memcpy(offsets_.data(), payload, offset_bytes);
  }
  reuse_.parts.resize(frame.parts);
  if (part_bytes > 0) std::memcpy(reuse_.parts.data(), payload + offset_bytes, part_bytes);
  reuse_.fresh_columns = frame.third;
  reuse_.generation = frame.generation;
  reuse_.output_generation = frame.output_generation;
  reuse_.leading_rows.reset();
  if (frame.leading_rows > 0) reuse_.leading_rows = frame.leading_rows - 1;
}

void ServeLoop::Prefetch(const Frame& frame, const uint8_t* payload) {
  try {
    ReadInput(frame, payload);
    session_->Prefetch(frame.word, frame.first, reuse_);
  } catch (const std::exception&) {
    // The dispatch that it was for copies all that it reads, and reports what is wrong.
  }
}

void ServeLoop::Answer(const Frame& dispatch, const uint8_t* payload) {
  Frame answer;
  answer.kind = FrameKind::kCompletion;
  answer.id = dispatch.id;
  std::string message;
  try {
    ReadInput(dispatch, payload);
    const Evaluation evaluation = session_->Evaluate(dispatch.word, offsets_.data(), offsets_.size(), reuse_);
    answer.first = evaluation.nanoseconds;
    answer.second = evaluation.copied_bytes;
    answer.third = evaluation.ended;
    answer.generation = static_cast<uint32_t>(evaluation.prefetched_bytes);
    answer.output_generation = static_cast<uint32_t>(evaluation.prefetched_bytes >> 32);
    if (evaluation.pending != nullptr) return AnswerLater(answer, *reuse_.leading_rows, evaluation.pending);
  } catch (const Error& error) {
    answer.word = static_cast<uint32_t>(StatusOf(error.code()));
    message = error.what();
  } catch (const std::exception& error) {
    answer.word = static_cast<uint32_t>(DispatchStatus::kFailed);
    message = error.what();
  }
  if (message.size() > kLongestMessage) message.resize(kLongestMessage);
  answer.payload_bytes = static_cast<uint32_t>(message.size());
  // Answers come in the order of the dispatches.
  Settle();
  Write(answer, message.data());
}

void ServeLoop::AnswerLater(const Frame& answer, size_t leading_rows, const std::shared_ptr<PendingOutput>& pending) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++pending_;
    if (leading_rows > 0) {
      Frame leading;
      leading.kind = FrameKind::kLeading;
      leading.id = answer.id;
      Push(leading, nullptr);
      RingNow();
    }
  }
  // Pending outputs of one device end in the order of their evaluations.
  pending->WhenEnded([this, answer, pending](const std::string& failure) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!failure.empty() || !failed_.empty()) {
      failed_.push_back({answer, pending});
    } else {
      Push(answer, nullptr);
      RingNow();
      --pending_;
    }
    settled_.notify_all();
  });
}

void ServeLoop::Write(const Frame& frame, const void* payload) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Push(frame, payload);
  if (frame.kind != FrameKind::kCompletion) return;
  unrung_ += std::chrono::nanoseconds(frame.first);
  if (unrung_ >= kRingAfter) RingNow();
}

void ServeLoop::Push(const Frame& frame, const void* payload) {
  if (lane_ == nullptr) return WriteToSocket(frame, payload);
  Frame numbered = frame;
  numbered.after = streamed_;
  if (frame.payload_bytes > 0 || !lane_->Push(numbered)) {
    numbered.after = lane_->pushed();
    ++streamed_;
    WriteToSocket(numbered, payload);
  }
}

void ServeLoop::Ring() {
  const std::lock_guard<std::mutex> lock(mutex_);
  RingNow();
}

void ServeLoop::RingNow() {
  unrung_ = std::chrono::nanoseconds(0);
  if (lane_ != nullptr) lane_->Ring();
}

void ServeLoop::WriteToSocket(const Frame& frame, const void* payload) {
  out_.resize(kFrameBytes + frame.payload_bytes);
  EncodeFrame(frame, out_.data());
  if (frame.payload_bytes > 0) std::memcpy(out_.data() + kFrameBytes, payload, frame.payload_bytes);
  for (size_t at = 0; at < out_.size();) {
#ifdef MSG_NOSIGNAL
    const ssize_t sent = send(fd_.get(), out_.data() + at, out_.size() - at, MSG_NOSIGNAL);
#else
    const ssize_t sent = send(fd_.get(), out_.data() + at, out_.size() - at, 0);
#endif
    if (sent < 0 && errno == EINTR) continue;
    // The parent is gone, which the next read reports.
    if (sent < 0) return;
    at += static_cast<size_t>(sent);
  }
}

}  // namespace mayfly
