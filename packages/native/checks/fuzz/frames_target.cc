// A byte stream that comes in pieces: the first byte chooses their size, the rest is the stream. Frames that are read
// must be what a reader that gets all at once reads.
#include <algorithm>
#include <cstring>
#include <vector>

#include "error.h"
#include "fuzz_target.h"
#include "ipc/frame.h"

namespace {

using mayfly::Frame;

struct Read {
  std::vector<uint8_t> bytes;
  bool broken = false;
};

// All frames, encoded again with their payloads.
Read ReadInPieces(const uint8_t* data, size_t size, size_t piece) {
  mayfly::FrameReader reader(mayfly::kMaxPayloadBytes);
  Read read;
  try {
    for (size_t at = 0; at < size; at += piece) {
      const size_t bytes = std::min(piece, size - at);
      std::memcpy(reader.Reserve(bytes), data + at, bytes);
      reader.Commit(bytes);
      Frame frame;
      const uint8_t* payload;
      while (reader.Next(&frame, &payload)) {
        uint8_t encoded[mayfly::kFrameBytes];
        mayfly::EncodeFrame(frame, encoded);
        read.bytes.insert(read.bytes.end(), encoded, encoded + sizeof encoded);
        read.bytes.insert(read.bytes.end(), payload, payload + frame.payload_bytes);
      }
    }
  } catch (const mayfly::Error& error) {
    FUZZ_EXPECT(error.code() == "ERR_FRAME");
    read.broken = true;
  }
  return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Read whole = ReadInPieces(data + 1, size - 1, size - 1);
  const Read pieces = ReadInPieces(data + 1, size - 1, 1 + data[0]);
  FUZZ_EXPECT(whole.broken == pieces.broken && whole.bytes == pieces.bytes);
  FUZZ_EXPECT(whole.bytes.size() < size);
  return 0;
}
