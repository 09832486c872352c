#include "fixups.h"

#include <stdexcept>

namespace macho {
namespace {

class Stream {
 public:
  Stream(const uint8_t* begin, size_t bytes) : at_(begin), end_(begin + bytes) {}

  bool done() const { return at_ == end_; }

  uint8_t Byte() {
    if (done()) throw std::runtime_error("expected the rest of an opcode, got the end of the stream");
    return *at_++;
  }

  uint64_t Uleb() {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const uint8_t byte = Byte();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
  }

  int64_t Sleb() {
    uint64_t value = 0;
    for (int shift = 0;;) {
      const uint8_t byte = Byte();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += 7;
      if ((byte & 0x80) != 0) continue;
      if ((byte & 0x40) != 0 && shift < 64) value |= ~uint64_t{0} << shift;
      return static_cast<int64_t>(value);
    }
  }

  std::string Text() {
    std::string text;
    while (const uint8_t byte = Byte()) text += static_cast<char>(byte);
    return text;
  }

 private:
  const uint8_t* at_;
  const uint8_t* end_;
};

constexpr uint64_t kPointer = sizeof(uint64_t);

// `count` fixups, `skip` bytes between two, and as many behind the last.
void Repeat(std::vector<Fixup>* fixups, Fixup* next, uint64_t count, uint64_t skip) {
  for (uint64_t i = 0; i < count; ++i) {
    fixups->push_back(*next);
    next->offset += kPointer + skip;
  }
}

[[noreturn]] void Unknown(uint8_t opcode) {
  throw std::runtime_error("expected an opcode of LC_DYLD_INFO_ONLY, got " + std::to_string(opcode));
}

}  // namespace

std::vector<Fixup> ReadRebases(const uint8_t* begin, size_t bytes) {
  Stream stream(begin, bytes);
  std::vector<Fixup> fixups;
  Fixup next{};
  while (!stream.done()) {
    const uint8_t opcode = stream.Byte();
    const uint8_t immediate = opcode & 0x0f;
    switch (opcode & 0xf0) {
      case 0x00: return fixups;
      case 0x10: break;  // The type, which is always a pointer.
      case 0x20:
        next.segment = immediate;
        next.offset = stream.Uleb();
        break;
      case 0x30: next.offset += stream.Uleb(); break;
      case 0x40: next.offset += immediate * kPointer; break;
      case 0x50: Repeat(&fixups, &next, immediate, 0); break;
      case 0x60: Repeat(&fixups, &next, stream.Uleb(), 0); break;
      case 0x70: Repeat(&fixups, &next, 1, stream.Uleb()); break;
      case 0x80: {
        const uint64_t count = stream.Uleb();
        Repeat(&fixups, &next, count, stream.Uleb());
        break;
      }
      default: Unknown(opcode);
    }
  }
  return fixups;
}

std::vector<Fixup> ReadBinds(const uint8_t* begin, size_t bytes) {
  Stream stream(begin, bytes);
  std::vector<Fixup> fixups;
  Fixup next{};
  while (!stream.done()) {
    const uint8_t opcode = stream.Byte();
    const uint8_t immediate = opcode & 0x0f;
    switch (opcode & 0xf0) {
      case 0x00:
      case 0x10:
      case 0x30:
      case 0x50: break;                 // An end, the library as a small number, and the type.
      case 0x20: stream.Uleb(); break;  // The library.
      case 0x40: next.symbol = stream.Text(); break;
      case 0x60: next.addend = stream.Sleb(); break;
      case 0x70:
        next.segment = immediate;
        next.offset = stream.Uleb();
        break;
      case 0x80: next.offset += stream.Uleb(); break;
      case 0x90: Repeat(&fixups, &next, 1, 0); break;
      case 0xa0: Repeat(&fixups, &next, 1, stream.Uleb()); break;
      case 0xb0: Repeat(&fixups, &next, 1, immediate * kPointer); break;
      case 0xc0: {
        const uint64_t count = stream.Uleb();
        Repeat(&fixups, &next, count, stream.Uleb());
        break;
      }
      default: Unknown(opcode);
    }
  }
  return fixups;
}

}  // namespace macho
