#include "compact_unwind.h"

#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

namespace macho {
namespace {

constexpr uint32_t kHasLsda = 0x40000000, kModeMask = 0x0f000000;
constexpr uint32_t kRegularPage = 2, kCompressedPage = 3;

struct Header {
  uint32_t version, encodings, encoding_count, personalities, personality_count, index, index_count;
};
struct IndexEntry {
  uint32_t function, page, lsdas;
};
struct Page {
  uint32_t kind;
  uint16_t entries, count, encodings, encoding_count;
};
struct Pair {
  uint32_t function, value;
};

[[noreturn]] void Fail(const std::string& expected, const std::string& got) {
  throw std::runtime_error("expected " + expected + ", got " + got);
}

class Table {
 public:
  Table(const uint8_t* section, size_t bytes) : section_(section), bytes_(bytes) {}

  template <typename T>
  T At(uint64_t offset, uint64_t index = 0) const {
    offset += index * sizeof(T);
    if (offset + sizeof(T) > bytes_) Fail("the rest of __unwind_info", "its end");
    T value;
    std::memcpy(&value, section_ + offset, sizeof value);
    return value;
  }

 private:
  const uint8_t* section_;
  size_t bytes_;
};

// Function and encoding of line `i` of a page.
Pair LineOf(const Table& table, const Header& header, const IndexEntry& index, const Page& page, uint16_t i) {
  if (page.kind == kRegularPage) return table.At<Pair>(index.page + page.entries, i);
  const uint32_t line = table.At<uint32_t>(index.page + page.entries, i);
  const uint32_t number = line >> 24;
  const uint32_t encoding = number < header.encoding_count
                                ? table.At<uint32_t>(header.encodings, number)
                                : table.At<uint32_t>(index.page + page.encodings, number - header.encoding_count);
  return {index.function + (line & 0xffffff), encoding};
}

}  // namespace

std::vector<UnwindEntry> ReadUnwindInfo(const uint8_t* section, size_t bytes) {
  const Table table(section, bytes);
  const auto header = table.At<Header>(0);
  if (header.version != 1 || header.index_count == 0) Fail("version 1 of __unwind_info", "another");
  // The last index tells where all ends.
  const auto first = table.At<IndexEntry>(header.index);
  const auto last = table.At<IndexEntry>(header.index, header.index_count - 1);
  std::map<uint32_t, uint32_t> lsdas;
  for (uint64_t at = first.lsdas; at < last.lsdas; at += sizeof(Pair)) {
    const auto pair = table.At<Pair>(at);
    lsdas[pair.function] = pair.value;
  }
  std::vector<UnwindEntry> entries;
  for (uint32_t k = 0; k + 1 < header.index_count; ++k) {
    const auto index = table.At<IndexEntry>(header.index, k);
    const auto page = table.At<Page>(index.page);
    if (page.kind != kRegularPage && page.kind != kCompressedPage) {
      Fail("a page of __unwind_info", "kind " + std::to_string(page.kind));
    }
    for (uint16_t i = 0; i < page.count; ++i) {
      const Pair line = LineOf(table, header, index, page, i);
      if (!entries.empty()) entries.back().end = line.function;
      UnwindEntry entry{line.function, last.function, line.value, 0, 0};
      if ((line.value & kHasLsda) != 0) entry.lsda = lsdas.at(line.function);
      const uint32_t personality = line.value >> 28 & 3;
      if (personality != 0) entry.personality = table.At<uint32_t>(header.personalities, personality - 1);
      entries.push_back(entry);
    }
  }
#ifdef __aarch64__
  constexpr uint32_t kDwarf = 0x03000000;
#else
  constexpr uint32_t kDwarf = 0x04000000;
#endif
  for (const UnwindEntry& entry : entries) {
    if ((entry.encoding & kModeMask) == kDwarf) Fail("complete __unwind_info", "a reference to DWARF");
  }
  return entries;
}

}  // namespace macho
