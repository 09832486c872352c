// The 64-byte frames between the main process and a worker: docs/internals/protocol.md is their specification.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mayfly {

enum class FrameKind : uint8_t { kDispatch = 1, kCompletion = 2, kControl = 3, kPrefetch = 4, kLeading = 5 };

enum class DispatchStatus : uint32_t { kOk = 0, kUnknownProgram = 1, kOutOfBounds = 2, kFailed = 3, kInputData = 4 };

constexpr size_t kFrameBytes = 64;
constexpr size_t kPartBytes = 32;
constexpr size_t kMostParts = 255;
constexpr uint32_t kMaxPayloadBytes = 256u << 20;
// The largest payload that a worker may send: a bound on what a faulty worker makes the main process buffer.
constexpr uint32_t kMaxAnswerBytes = 16u << 20;
// A buffer that grew beyond this size for one large message is freed once it is empty.
constexpr size_t kKeepBytes = 1u << 20;

struct Frame {
  FrameKind kind = FrameKind::kControl;
  uint64_t id = 0;
  uint32_t word = 0;  // program of a dispatch or prefetch, status of a completion
  uint32_t payload_bytes = 0;
  // Of a dispatch or prefetch: parts of its input, at the end of the payload, of kPartBytes each.
  uint8_t parts = 0;
  // Of a dispatch (InputReuse in device/device.h), plus 1; 0: none are given.
  uint16_t leading_rows = 0;
  uint64_t first = 0;   // input offset, or nanoseconds
  uint64_t second = 0;  // output offset, or bytes copied between the arena and the device's memory
  // Of a dispatch or prefetch (InputReuse in device/device.h), as are its fresh columns. Of a completion the low and
  // the high half of the bytes of the input that were prefetched.
  uint32_t generation = 0;
  uint32_t output_generation = 0;
  uint64_t third = 0;  // fresh columns of the input, or when the evaluation ended
  uint64_t after = 0;  // frames sent before this one through the other of lane and socket
};

// The frame of a message of `bytes` bytes. Throws ERR_FRAME beyond kMaxPayloadBytes.
Frame ControlFrame(size_t bytes);

// Writes exactly kFrameBytes.
void EncodeFrame(const Frame& frame, uint8_t* to);
// Reads kFrameBytes. Throws ERR_FRAME if they are no frame, or one with a payload of more than `most` bytes.
void DecodeFrame(const uint8_t* from, Frame* frame, uint32_t most = kMaxPayloadBytes);

// Splits a byte stream into frames with their payloads.
class FrameReader {
 public:
  // Payloads of more than `most` bytes are refused.
  explicit FrameReader(uint32_t most) : most_(most) {}
  // Space for at least `bytes` more; the caller writes there and then calls Commit with the number of bytes written.
  uint8_t* Reserve(size_t bytes);
  size_t capacity() const { return buffer_.size() - end_; }
  void Commit(size_t bytes) { end_ += bytes; }

  // The next whole frame; its payload stays valid until the next call of Reserve. Throws ERR_FRAME on a broken stream.
  bool Next(Frame* frame, const uint8_t** payload);

 private:
  uint32_t most_;
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace mayfly
