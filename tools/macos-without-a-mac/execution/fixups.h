// The places of a Mach-O file that its loader has to fill in, from the compressed form that preceded chained fixups:
// LC_DYLD_INFO_ONLY, whose opcodes <mach-o/loader.h> defines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace macho {

struct Fixup {
  // Where the eight bytes are: the number of the segment, and the offset in it.
  size_t segment;
  uint64_t offset;
  // What they point to; empty where they hold an address already, which only has to be moved with the image.
  std::string symbol;
  int64_t addend;
};

// Both throw std::runtime_error for an opcode that they do not know, and where the stream ends within one.
std::vector<Fixup> ReadRebases(const uint8_t* begin, size_t bytes);
// Of the eager or the lazy stream. In the lazy one, each entry ends as the whole of the other does.
std::vector<Fixup> ReadBinds(const uint8_t* begin, size_t bytes);

}  // namespace macho
