#include "ipc/frame.h"

#include <algorithm>
#include <cstring>

#include "bytes.h"
#include "error.h"

namespace mayfly {
namespace {

constexpr uint32_t kMagic = 0x3146464D;  // "MFF1"
constexpr size_t kKindAt = 4, kPartsAt = 5, kLeadingAt = 6, kIdAt = 8, kWordAt = 16, kPayloadAt = 20, kFirstAt = 24,
                 kSecondAt = 32, kGenerationAt = 40, kOutputGenerationAt = 44, kThirdAt = 48, kAfterAt = 56;

}  // namespace

Frame ControlFrame(size_t bytes) {
  if (bytes > kMaxPayloadBytes) {
    throw Error("ERR_FRAME", "Expected a message of at most " + std::to_string(kMaxPayloadBytes) + " bytes, got " +
                                 std::to_string(bytes));
  }
  Frame frame;
  frame.payload_bytes = static_cast<uint32_t>(bytes);
  return frame;
}

void EncodeFrame(const Frame& frame, uint8_t* to) {
  std::memset(to, 0, kFrameBytes);
  StoreBytes(to, kMagic);
  to[kKindAt] = static_cast<uint8_t>(frame.kind);
  StoreBytes(to + kIdAt, frame.id);
  StoreBytes(to + kWordAt, frame.word);
  StoreBytes(to + kPayloadAt, frame.payload_bytes);
  StoreBytes(to + kFirstAt, frame.first);
  StoreBytes(to + kSecondAt, frame.second);
  to[kPartsAt] = frame.parts;
  StoreBytes(to + kLeadingAt, frame.leading_rows);
  StoreBytes(to + kGenerationAt, frame.generation);
  StoreBytes(to + kOutputGenerationAt, frame.output_generation);
  StoreBytes(to + kThirdAt, frame.third);
  StoreBytes(to + kAfterAt, frame.after);
}

void DecodeFrame(const uint8_t* from, Frame* frame, uint32_t most) {
  const uint32_t magic = LoadBytes<uint32_t>(from);
  const uint8_t kind = from[kKindAt];
  const uint32_t payload_bytes = LoadBytes<uint32_t>(from + kPayloadAt);
  if (magic != kMagic || kind < 1 || kind > 5 || payload_bytes > most) {
    throw Error("ERR_FRAME", "Expected a frame, got magic " + std::to_string(magic) + ", kind " + std::to_string(kind) +
                                 ", payload of " + std::to_string(payload_bytes) + " bytes");
  }
  frame->kind = static_cast<FrameKind>(kind);
  frame->id = LoadBytes<uint64_t>(from + kIdAt);
  frame->word = LoadBytes<uint32_t>(from + kWordAt);
  frame->payload_bytes = payload_bytes;
  frame->first = LoadBytes<uint64_t>(from + kFirstAt);
  frame->second = LoadBytes<uint64_t>(from + kSecondAt);
  frame->parts = from[kPartsAt];
  frame->leading_rows = LoadBytes<uint16_t>(from + kLeadingAt);
  frame->generation = LoadBytes<uint32_t>(from + kGenerationAt);
  frame->output_generation = LoadBytes<uint32_t>(from + kOutputGenerationAt);
  frame->third = LoadBytes<uint64_t>(from + kThirdAt);
  frame->after = LoadBytes<uint64_t>(from + kAfterAt);
}

uint8_t* FrameReader::Reserve(size_t bytes) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
    if (buffer_.size() > kKeepBytes) std::vector<uint8_t>().swap(buffer_);
  }
  if (buffer_.size() - end_ < bytes) {
    if (begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (buffer_.size() - end_ < bytes) buffer_.resize(std::max(end_ + bytes, buffer_.size() * 2));
  }
  return buffer_.data() + end_;
}

bool FrameReader::Next(Frame* frame, const uint8_t** payload) {
  if (end_ - begin_ < kFrameBytes) return false;
  const uint8_t* at = buffer_.data() + begin_;
  DecodeFrame(at, frame, most_);
  if (end_ - begin_ < kFrameBytes + frame->payload_bytes) return false;
  *payload = at + kFrameBytes;
  begin_ += kFrameBytes + frame->payload_bytes;
  return true;
}

}  // namespace mayfly
