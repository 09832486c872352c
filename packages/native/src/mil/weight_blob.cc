#include "mil/weight_blob.h"

#include "bytes.h"

namespace mayfly::mil {
namespace {

constexpr uint64_t kHeaderBytes = 64;
constexpr uint64_t kRecordBytes = 64;
constexpr uint64_t kAlignment = 64;
constexpr uint32_t kVersion = 2;
constexpr uint32_t kSentinel = 0xDEADBEEF;
constexpr uint32_t kTypeOfFp16 = 1;
constexpr size_t kMostWarnings = 100;

uint64_t SaturatingSum(uint64_t a, uint64_t b) { return a > UINT64_MAX - b ? UINT64_MAX : a + b; }

// Whether `bytes` from `offset` on lie within a file.
bool Fits(uint64_t offset, uint64_t bytes, uint64_t file_bytes) {
  return offset <= file_bytes && bytes <= file_bytes - offset;
}

// The format's number of an element type; 0 for types that it does not store.
uint32_t RecordType(Element element) {
  switch (element) {
    case Element::kFp16: return 1;
    case Element::kFp32: return 2;
    case Element::kUint8: return 3;
    case Element::kInt8: return 4;
    case Element::kInt16: return 6;
    case Element::kUint16: return 7;
    case Element::kInt4: return 8;
    case Element::kUint1: return 9;
    case Element::kUint2: return 10;
    case Element::kUint4: return 11;
    case Element::kUint3: return 12;
    case Element::kUint6: return 13;
    case Element::kInt32: return 14;
    case Element::kUint32: return 15;
    case Element::kBool:
    case Element::kString:
    case Element::kUint64: break;
  }
  return 0;
}

}  // namespace

const uint8_t* FindBlob(const std::vector<WeightFile>& files, const BlobReference& blob, const Type& type,
                        Position position, std::vector<std::string>* warnings) {
  auto fail = [&](const std::string& expected, const std::string& got) {
    FailAt("ERR_WEIGHT_BLOB", position,
           "Expected " + expected + " in weight file `" + blob.path + "` at offset " + std::to_string(blob.offset) +
               ", got " + got);
  };
  const WeightFile* file = nullptr;
  for (const WeightFile& candidate : files) {
    if (candidate.path == blob.path) file = &candidate;
  }
  if (file == nullptr) {
    fail("a tensor", "no file of that name among the " + std::to_string(files.size()) + " given");
  }
  if (file->bytes < kHeaderBytes) fail("a header of 64 bytes", std::to_string(file->bytes) + " bytes");
  const uint32_t version = LoadBytes<uint32_t>(file->data + 4);
  if (version != kVersion) fail("format version 2", std::to_string(version));
  if (blob.offset < kHeaderBytes || blob.offset > file->bytes || file->bytes - blob.offset < kRecordBytes) {
    fail("a metadata record of 64 bytes after the header", "a file of " + std::to_string(file->bytes) + " bytes");
  }
  const uint8_t* record = file->data + blob.offset;
  const uint32_t sentinel = LoadBytes<uint32_t>(record);
  if (sentinel != kSentinel) fail("a metadata record (sentinel 0xDEADBEEF)", std::to_string(sentinel));
  const uint32_t expected_type = RecordType(type.element);
  if (expected_type == 0) fail("a stored element type", NameOf(type.element));
  const uint32_t record_type = LoadBytes<uint32_t>(record + 4);
  const auto expected = static_cast<uint64_t>(StoredBytes(type));
  const uint64_t bytes = LoadBytes<uint64_t>(record + 8), stated = LoadBytes<uint64_t>(record + 16);
  std::string differences;
  auto differ = [&](const std::string& field) { differences += (differences.empty() ? "" : ", ") + field; };
  if (record_type != expected_type) {
    if (record_type != kTypeOfFp16 || BitsOf(type.element) > 8) {
      fail("data type " + std::to_string(expected_type) + " (" + NameOf(type.element) + ")",
           std::to_string(record_type));
    }
    differ("data type " + std::to_string(record_type));
  }
  const uint64_t behind = blob.offset + kRecordBytes;
  const bool overlaps = stated < behind && blob.offset < SaturatingSum(stated, expected);
  const bool usable = stated >= kHeaderBytes && !overlaps && Fits(stated, expected, file->bytes);
  if (usable && stated % kAlignment != 0) fail("data at a multiple of 64 bytes", std::to_string(stated));
  if (bytes != expected) {
    // A size that the file can hold is believed: the record is another tensor's.
    if (usable && bytes > 0 && Fits(stated, bytes, file->bytes))
      fail(std::to_string(expected) + " bytes for " + ToString(type), std::to_string(bytes));
    differ(std::to_string(bytes) + " bytes");
  }
  if (!usable) {
    if (!Fits(behind, expected, file->bytes)) {
      fail(std::to_string(expected) + " bytes of data behind the record",
           "a file of " + std::to_string(file->bytes) + " bytes");
    }
    differ("data at " + std::to_string(stated));
  }
  const uint64_t data = usable ? stated : behind;
  if (!differences.empty() && warnings->size() < kMostWarnings) {
    warnings->push_back("The record at offset " + std::to_string(blob.offset) + " of weight file `" + blob.path +
                        "` states " + differences + ": it is read as " + ToString(type) + " from " +
                        std::to_string(data));
  }
  return file->data + data;
}

}  // namespace mayfly::mil
