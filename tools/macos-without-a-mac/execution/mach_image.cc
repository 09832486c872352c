#include "mach_image.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "compact_unwind.h"

namespace macho {

// As <mach-o/loader.h> and <mach-o/nlist.h> lay them out.
struct Header {
  uint32_t magic, processor, subtype, kind, commands, bytes_of_commands, flags, reserved;
};
struct Command {
  uint32_t kind, bytes;
};
struct SegmentCommand : Command {
  char name[16];
  uint64_t address, bytes_in_memory, offset, bytes_in_file;
  int32_t greatest_protection, protection;
  uint32_t sections, flags;
};
struct SectionHeader {
  char name[16], segment[16];
  uint64_t address, bytes;
  uint32_t offset, alignment, relocations, relocation_count, flags, reserved[3];
};
struct SymbolTable : Command {
  uint32_t symbols, count, strings, bytes_of_strings;
};
struct SymbolEntry {
  uint32_t name;
  uint8_t kind, section;
  uint16_t description;
  uint64_t value;
};
struct DyldInfo : Command {
  uint32_t rebase, rebase_bytes, bind, bind_bytes, weak, weak_bytes, lazy, lazy_bytes, exports, exports_bytes;
};

namespace {

constexpr uint32_t kMagic = 0xfeedfacf, kBundle = 8;
#ifdef __aarch64__
constexpr uint32_t kProcessor = 0x0100000c;
#else
constexpr uint32_t kProcessor = 0x01000007;
#endif
constexpr uint32_t kSegment = 0x19, kSymbols = 2, kDyldInfoOnly = 0x80000022;
constexpr uint32_t kInitialisers = 9, kThreadVariables = 0x13;
// Of a symbol: defined in a section, and visible to others.
constexpr uint8_t kKindMask = 0x0e, kInSection = 0x0e, kExternal = 0x01;

[[noreturn]] void Fail(const std::string& expected, const std::string& got) {
  throw std::runtime_error("expected " + expected + ", got " + got);
}

std::string Name(const char (&name)[16]) { return std::string(name, strnlen(name, sizeof name)); }

}  // namespace

MachImage::MachImage(const std::string& path, const Resolve& resolve) {
  std::ifstream file(path, std::ios::binary);
  file_.assign(std::istreambuf_iterator<char>(file), {});
  ReadCommands();
  Map();
  for (const Fixup& fixup : ReadRebases(In<uint8_t>(info_->rebase, info_->rebase_bytes), info_->rebase_bytes)) {
    *Place(fixup) += reinterpret_cast<uint64_t>(base_);
  }
  std::vector<Fixup> binds = ReadBinds(In<uint8_t>(info_->bind, info_->bind_bytes), info_->bind_bytes);
  const std::vector<Fixup> lazy = ReadBinds(In<uint8_t>(info_->lazy, info_->lazy_bytes), info_->lazy_bytes);
  binds.insert(binds.end(), lazy.begin(), lazy.end());
  Bind(binds, resolve);
  for (const Section& section : sections_) {
    if (section.name != "__unwind_info") continue;
    const std::vector<UnwindEntry> entries = ReadUnwindInfo(At(section.address), section.bytes);
    RegisterUnwinding(entries, base_);
    unwinding_entries_ = entries.size();
  }
  Protect();
  // QEMU and processors of arm64 cache code apart from data.
  for (const Segment& segment : segments_) {
    char* const begin = reinterpret_cast<char*>(At(segment.address));
    if ((segment.protection & PROT_EXEC) != 0) __builtin___clear_cache(begin, begin + segment.bytes);
  }
}

template <typename T>
const T* MachImage::In(uint64_t offset, uint64_t count) const {
  if (offset > file_.size() || count > (file_.size() - offset) / sizeof(T)) Fail("the rest of the file", "its end");
  return reinterpret_cast<const T*>(file_.data() + offset);
}

void MachImage::ReadCommands() {
  const Header& header = *In<Header>(0);
  if (header.magic != kMagic || header.processor != kProcessor || header.kind != kBundle) {
    Fail("a Mach-O bundle for this processor", "another file");
  }
  uint64_t at = sizeof header;
  for (uint32_t i = 0; i < header.commands; ++i) {
    const Command& command = *In<Command>(at);
    if (command.kind == kSymbols) symbols_ = In<SymbolTable>(at);
    if (command.kind == kDyldInfoOnly) info_ = In<DyldInfo>(at);
    if (command.kind == kSegment) {
      const auto& segment = *In<SegmentCommand>(at);
      segments_.push_back({segment.address, segment.bytes_in_memory, segment.protection});
      contents_.emplace_back(segment.offset, segment.bytes_in_file);
      const auto* sections = In<SectionHeader>(at + sizeof segment, segment.sections);
      for (uint32_t k = 0; k < segment.sections; ++k) {
        sections_.push_back({Name(sections[k].name), sections[k].address, sections[k].bytes, sections[k].flags & 0xff});
      }
    }
    at += command.bytes;
  }
  if (symbols_ == nullptr || info_ == nullptr) Fail("LC_SYMTAB and LC_DYLD_INFO_ONLY", "a bundle without");
  for (const Section& section : sections_) {
    if (section.type == kThreadVariables) Fail("no thread-local variables", section.name);
  }
}

void MachImage::Map() {
  uint64_t end = 0;
  for (const Segment& segment : segments_) end = std::max(end, segment.address + segment.bytes);
  void* memory = mmap(nullptr, end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) Fail(std::to_string(end) + " bytes", "no memory");
  base_ = static_cast<uint8_t*>(memory);
  for (size_t i = 0; i < segments_.size(); ++i) {
    const auto& [offset, bytes] = contents_[i];
    if (bytes > segments_[i].bytes) Fail("a segment as large as its content", "a smaller one");
    std::memcpy(At(segments_[i].address), In<uint8_t>(offset, bytes), bytes);
  }
}

uint64_t* MachImage::Place(const Fixup& fixup) const {
  if (fixup.segment >= segments_.size()) Fail("the number of a segment", std::to_string(fixup.segment));
  const Segment& segment = segments_[fixup.segment];
  if (segment.bytes < sizeof(uint64_t) || fixup.offset > segment.bytes - sizeof(uint64_t)) {
    Fail("a place within its segment", std::to_string(fixup.offset));
  }
  return reinterpret_cast<uint64_t*>(At(segment.address + fixup.offset));
}

void MachImage::Bind(const std::vector<Fixup>& fixups, const Resolve& resolve) {
  std::string missing;
  for (const Fixup& fixup : fixups) {
    const void* target = resolve(fixup.symbol);
    if (target == nullptr) missing += " " + fixup.symbol;
    *Place(fixup) = reinterpret_cast<uint64_t>(target) + static_cast<uint64_t>(fixup.addend);
  }
  if (!missing.empty()) Fail("all imports", "none of" + missing);
  binds_ = fixups.size();
}

void MachImage::Protect() const {
  for (const Segment& segment : segments_) {
    if (segment.bytes == 0) continue;
    if (mprotect(At(segment.address), segment.bytes, segment.protection) != 0) {
      Fail("to protect a segment", std::strerror(errno));
    }
  }
}

void MachImage::Initialise() const {
  for (const Section& section : sections_) {
    if (section.type != kInitialisers) continue;
    const auto* begin = reinterpret_cast<void (*const*)()>(At(section.address));
    std::for_each(begin, begin + section.bytes / sizeof *begin, [](void (*constructor)()) { constructor(); });
  }
}

void* MachImage::Symbol(const std::string& name) const {
  const auto* entries = In<SymbolEntry>(symbols_->symbols, symbols_->count);
  const char* strings = In<char>(symbols_->strings, symbols_->bytes_of_strings);
  for (uint32_t i = 0; i < symbols_->count; ++i) {
    const SymbolEntry& entry = entries[i];
    if ((entry.kind & kKindMask) != kInSection || (entry.kind & kExternal) == 0) continue;
    if (entry.name < symbols_->bytes_of_strings && name == strings + entry.name) return At(entry.value);
  }
  Fail("an export " + name, "none");
}

}  // namespace macho
