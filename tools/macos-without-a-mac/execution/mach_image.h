// A Mach-O bundle for this processor (x86-64 or arm64) in the memory of a Linux process, placed there as macOS's loader
// would: segments mapped, addresses moved, imports bound, unwinding tables registered. One image alone, so that weak
// definitions stay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "fixups.h"

namespace macho {

class MachImage {
 public:
  // Gives the address of an import, null where there is none.
  using Resolve = std::function<void*(const std::string& symbol)>;

  // Throws std::runtime_error for what is no such bundle, for thread-local variables, which it does not support, and
  // for imports that are missing, naming all. Never unloaded: what runs at exit is in it.
  MachImage(const std::string& path, const Resolve& resolve);

  // Runs the constructors of static objects.
  void Initialise() const;
  // An exported function or object; throws where there is none.
  void* Symbol(const std::string& name) const;
  size_t binds() const { return binds_; }
  size_t unwinding_entries() const { return unwinding_entries_; }

 private:
  struct Segment {
    uint64_t address, bytes;
    int protection;
  };
  struct Section {
    std::string name;
    uint64_t address, bytes;
    uint32_t type;
  };

  void ReadCommands();
  void Map();
  void Bind(const std::vector<Fixup>& fixups, const Resolve& resolve);
  void Protect() const;

  uint8_t* At(uint64_t address) const { return base_ + address; }
  uint64_t* Place(const Fixup& fixup) const;
  template <typename T>
  const T* In(uint64_t offset, uint64_t count = 1) const;

  std::vector<uint8_t> file_;
  std::vector<Segment> segments_;
  std::vector<std::pair<uint64_t, uint64_t>> contents_;
  std::vector<Section> sections_;
  const struct SymbolTable* symbols_ = nullptr;
  const struct DyldInfo* info_ = nullptr;
  uint8_t* base_ = nullptr;
  size_t binds_ = 0;
  size_t unwinding_entries_ = 0;
};

}  // namespace macho
