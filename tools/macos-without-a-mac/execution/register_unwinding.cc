// From a compact encoding to DWARF's description of the same frame, which holds at every call.
#include <array>
#include <cstring>

#include "compact_unwind.h"

// LLVM's libunwind, which libc++abi unwinds with: one description of a frame.
extern "C" void __unw_add_dynamic_fde(uint64_t description);

namespace macho {
namespace {

constexpr uint32_t kModeMask = 0x0f000000;
constexpr uint64_t kWord = 8;

class Writer {
 public:
  size_t size() const { return bytes_.size(); }
  const uint8_t* data() const { return bytes_.data(); }

  template <typename T>
  void Put(T value) {
    bytes_.resize(bytes_.size() + sizeof value);
    std::memcpy(bytes_.data() + bytes_.size() - sizeof value, &value, sizeof value);
  }

  void Uleb(uint64_t value) {
    for (; value >= 0x80; value >>= 7) Put(static_cast<uint8_t>(value | 0x80));
    Put(static_cast<uint8_t>(value));
  }

  // DW_CFA_def_cfa: the frame's address is that of a register, and some bytes more.
  void Frame(uint8_t base, uint64_t bytes) {
    Put(uint8_t{0x0c});
    Uleb(base);
    Uleb(bytes);
  }

  // DW_CFA_offset: a register was saved so many words below the frame's address.
  void Saved(uint8_t which, uint64_t words) {
    if (which < 0x40) {
      Put(static_cast<uint8_t>(0x80 | which));
    } else {
      // DW_CFA_offset_extended.
      Put(uint8_t{0x05});
      Uleb(which);
    }
    Uleb(words);
  }

  // Fills up to a word with DW_CFA_nop, and writes the length of what began at `start`.
  void Close(size_t start) {
    while (bytes_.size() % kWord != 0) Put(uint8_t{0});
    const auto length = static_cast<uint32_t>(bytes_.size() - start - sizeof(uint32_t));
    std::memcpy(bytes_.data() + start, &length, sizeof length);
  }

 private:
  std::vector<uint8_t> bytes_;
};

#ifdef __aarch64__

constexpr uint32_t kFrame = 0x04000000;
// DWARF's numbers: x29, which points to the frame, and x30, the return address.
constexpr uint8_t kFramePointer = 29, kReturnAddress = 30, kStackPointer = 31;
// Words from the frame's address on entry down to where a call saved the return address; none, since x30 holds it.
constexpr uint64_t kReturnAddressWords = 0;

// The pairs of registers that a frame may have saved, one bit each, in the order in memory from the frame down.
constexpr std::array<uint8_t, 9> kPairs = {19, 21, 23, 25, 27, 72, 74, 76, 78};

void WriteFrame(Writer* writer, const UnwindEntry& entry, const uint8_t*) {
  if ((entry.encoding & kModeMask) != kFrame) {
    // A function without a frame calls none: nothing is unwound through it but at its begin.
    writer->Frame(kStackPointer, (entry.encoding >> 12 & 0xfff) * 2 * kWord);
    return;
  }
  writer->Frame(kFramePointer, 2 * kWord);
  writer->Saved(kReturnAddress, 1);
  writer->Saved(kFramePointer, 2);
  uint64_t words = 2;
  for (size_t i = 0; i < kPairs.size(); ++i) {
    const uint32_t bit = i < 5 ? 1u << i : 0x100u << (i - 5);
    if ((entry.encoding & bit) == 0) continue;
    writer->Saved(kPairs[i], ++words);
    writer->Saved(static_cast<uint8_t>(kPairs[i] + 1), ++words);
  }
}

#else

constexpr uint32_t kFrame = 0x01000000, kIndirect = 0x03000000;
// DWARF's numbers of registers: of those that a compact encoding counts from 1 (rbx, r12 to r15, rbp), and of two more.
constexpr std::array<uint8_t, 7> kRegisters = {0, 3, 12, 13, 14, 15, 6};
constexpr uint8_t kRbp = 6, kRsp = 7, kReturnAddress = 16;
constexpr uint64_t kReturnAddressWords = 1;

// What a frame without rbp saved, in the order in memory: a number tells one of the permutations of `count` of six.
std::vector<uint8_t> PermutedRegisters(uint32_t count, uint32_t permutation) {
  std::vector<uint8_t> free(kRegisters.begin() + 1, kRegisters.end());
  std::vector<uint8_t> saved;
  for (uint32_t i = 0; i < count; ++i) {
    uint32_t weight = 1;
    for (uint32_t j = i + 1; j < count; ++j) weight *= 6 - j;
    const auto which = free.begin() + permutation / weight;
    permutation %= weight;
    saved.push_back(*which);
    free.erase(which);
  }
  return saved;
}

void WriteFrame(Writer* writer, const UnwindEntry& entry, const uint8_t* image) {
  const uint32_t size = entry.encoding >> 16 & 0xff;
  if ((entry.encoding & kModeMask) == kFrame) {
    writer->Frame(kRbp, 2 * kWord);
    writer->Saved(kRbp, 2);
    for (uint32_t i = 0; i < 5; ++i) {
      const uint32_t which = entry.encoding >> (3 * i) & 7;
      if (which != 0) writer->Saved(kRegisters.at(which), 2 + size - i);
    }
    return;
  }
  uint64_t bytes = size * kWord;
  if ((entry.encoding & kModeMask) == kIndirect) {
    // Then `size` tells where the function's own `sub rsp` holds the number.
    uint32_t subtracted;
    std::memcpy(&subtracted, image + entry.begin + size, sizeof subtracted);
    bytes = subtracted + (entry.encoding >> 13 & 7) * kWord;
  }
  writer->Frame(kRsp, bytes);
  const uint32_t count = entry.encoding >> 10 & 7;
  const std::vector<uint8_t> saved = PermutedRegisters(count, entry.encoding & 0x3ff);
  for (uint32_t i = 0; i < count; ++i) writer->Saved(saved[i], 1 + count - i);
}

#endif

}  // namespace

void RegisterUnwinding(const std::vector<UnwindEntry>& entries, const uint8_t* image) {
  auto* const writer = new Writer();
  std::vector<size_t> frames;
  for (const UnwindEntry& entry : entries) {
    if ((entry.encoding & kModeMask) == 0) continue;
    // What several functions could share: version 1, pointers in full, bytes and words as units, the frame on entry.
    const size_t common = writer->size();
    for (uint32_t blank : {0, 0}) writer->Put(blank);
    writer->Put(uint8_t{1});
    for (char each : {'z', 'P', 'L', 'R', '\0'}) writer->Put(each);
    constexpr uint8_t kFactor = 1, kMinusEight = 0x78, kBytes = 1 + sizeof(uint64_t) + 1 + 1, kAbsolute = 0;
    for (uint8_t each : {kFactor, kMinusEight, kReturnAddress, kBytes, kAbsolute}) writer->Put(each);
    uint64_t personality = 0;
    if (entry.personality != 0) std::memcpy(&personality, image + entry.personality, sizeof personality);
    writer->Put(personality);
    for (uint8_t each : {kAbsolute, kAbsolute}) writer->Put(each);
    if (kReturnAddressWords != 0) writer->Saved(kReturnAddress, kReturnAddressWords);
    writer->Close(common);

    const size_t frame = writer->size();
    frames.push_back(frame);
    writer->Put(uint32_t{0});
    writer->Put(static_cast<uint32_t>(frame + sizeof(uint32_t) - common));
    writer->Put(reinterpret_cast<uint64_t>(image + entry.begin));
    writer->Put(uint64_t{entry.end - entry.begin});
    writer->Uleb(sizeof(uint64_t));
    writer->Put(entry.lsda == 0 ? uint64_t{0} : reinterpret_cast<uint64_t>(image + entry.lsda));
    WriteFrame(writer, entry, image);
    writer->Close(frame);
  }
  for (size_t frame : frames) __unw_add_dynamic_fde(reinterpret_cast<uint64_t>(writer->data() + frame));
}

}  // namespace macho
