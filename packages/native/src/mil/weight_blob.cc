#include "mil/weight_blob.h"

#include "bytes.h"

namespace mayfly::mil {
namespace {

constexpr uint64_t kHeaderBytes = 64;
constexpr uint64_t kRecordBytes = 64;
constexpr uint64_t kAlignment = 64;
constexpr uint32_t kVersion = 2;
constexpr uint32_t kSentinel = 0xDEADBEEF;

// The format's number of an element type; 0 for types that it does not store.
uint32_t RecordType(Element element) {
  switch (element) {
    case Element::kFp16: return 1;
    case Element::kFp32: return 2;
    case Element::kUint8: return 3;
    case Element::kInt8: return 4;
    case Element::kInt16: return 6;
    case Element::kUint16: return 7;
    case Element::kInt32: return 14;
    case Element::kBool:
    case Element::kString:
    case Element::kUint64: break;
  }
  return 0;
}

}  // namespace

const uint8_t* FindBlob(const std::vector<WeightFile>& files, const BlobReference& blob, const Type& type,
                        Position position) {
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
  if (record_type != expected_type) {
    fail("data type " + std::to_string(expected_type) + " (" + NameOf(type.element) + ")", std::to_string(record_type));
  }
  const auto expected_bytes =
      static_cast<uint64_t>(SizeProduct(type.elements(), static_cast<int64_t>(SizeOf(AsDType(type.element)))));
  const uint64_t bytes = LoadBytes<uint64_t>(record + 8);
  if (bytes != expected_bytes) {
    fail(std::to_string(expected_bytes) + " bytes for " + ToString(type), std::to_string(bytes));
  }
  const uint64_t data = LoadBytes<uint64_t>(record + 16);
  if (data > file->bytes || file->bytes - data < bytes) {
    fail(std::to_string(bytes) + " bytes of data from " + std::to_string(data),
         "a file of " + std::to_string(file->bytes) + " bytes");
  }
  if (data % kAlignment != 0) fail("data at a multiple of 64 bytes", std::to_string(data));
  if (data < kHeaderBytes) fail("data after the header of 64 bytes", "data at " + std::to_string(data));
  if (data < blob.offset + kRecordBytes && blob.offset < data + bytes) {
    fail("data apart from the record itself", std::to_string(bytes) + " bytes from " + std::to_string(data));
  }
  return file->data + data;
}

}  // namespace mayfly::mil
