// Weight files: two bytes choose the element type and the record, the rest is the file. What is found must lie within
// it.
#include <string>
#include <vector>

#include "error.h"
#include "fuzz_target.h"
#include "mil/weight_blob.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace mayfly;
  using namespace mayfly::mil;
  if (size < 2) return 0;
  const Type type{static_cast<Element>(1 + data[0] % static_cast<int>(Element::kLast)), {1 + (data[0] >> 4), 2}};
  const BlobReference blob{"w.bin", uint64_t{data[1]} * 16};
  const std::vector<uint8_t> file(data + 2, data + size);
  std::vector<std::string> warnings;
  try {
    const uint8_t* found = FindBlob({{"w.bin", file.data(), file.size()}}, blob, type, {1, 1}, &warnings);
    const auto bytes = static_cast<size_t>(StoredBytes(type));
    FUZZ_EXPECT(found >= file.data() && found + bytes <= file.data() + file.size());
  } catch (const Error& error) {
    FUZZ_EXPECT(error.code() == "ERR_WEIGHT_BLOB");
  }
  return 0;
}
