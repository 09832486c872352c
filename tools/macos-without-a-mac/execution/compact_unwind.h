// The unwinding tables of Mach-O, __unwind_info, as <mach-o/compact_unwind_encoding.h> describes them: what macOS's
// unwinder reads. Linux's reads DWARF only, so each line of the table is translated. (The file's own __eh_frame is no
// help: lld 14 copies it with the distances of the object files. On macOS nothing reads it where a line is complete.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace macho {

struct UnwindEntry {
  // Offsets in the image.
  uint32_t begin, end;
  // Where the frame is and which registers it saved.
  uint32_t encoding;
  // Offsets of the language's data and of the pointer to the function that reads it; 0 where there are none.
  uint32_t lsda, personality;
};

// Throws std::runtime_error where a table is not as described, or refers to DWARF.
std::vector<UnwindEntry> ReadUnwindInfo(const uint8_t* section, size_t bytes);

// Tells this process's unwinder; `image` is where the image begins, its imports bound. Never taken back.
void RegisterUnwinding(const std::vector<UnwindEntry>& entries, const uint8_t* image);

}  // namespace macho
