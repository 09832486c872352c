// The buffers of a plan: inputs and outputs of the program, constants, and scratch memory, where buffers that are never
// alive at the same time share space.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cpu/aligned_block.h"
#include "cpu/node.h"
#include "cpu/shared_scratch.h"

namespace mayfly::cpu {

enum class BufferKind : uint8_t { kInput, kOutput, kConstant, kScratch };

class BufferTable {
 public:
  int AddInput(int port) { return Add({BufferKind::kInput, port, 0}); }
  int AddOutput(int port) { return Add({BufferKind::kOutput, port, 0}); }
  // Throws ERR_MIL_UNSUPPORTED, as AddConstant and Finish do, where a program needs more than 16 GiB.
  int AddScratch(int64_t bytes);
  // Allocates at once, and copies `data` unless it is null.
  int AddConstant(const uint8_t* data, int64_t bytes);
  BufferKind KindOf(int buffer) const { return entries_[static_cast<size_t>(buffer)].kind; }

  // The addresses for nodes that use constants only.
  Buffers Constants() { return addresses_.data(); }
  // Lays out and takes the scratch memory for nodes that run in this order. Frees constants that no node reads.
  void Finish(const std::vector<std::unique_ptr<Node>>& nodes, SharedScratch* scratch);
  // The addresses for one evaluation.
  Buffers Bind(const void* const* inputs, void* const* outputs);
  size_t constant_bytes() const;
  size_t scratch_bytes() const { return scratch_.bytes(); }

 private:
  struct Entry {
    BufferKind kind;
    int port;
    int64_t bytes;
    int first = -1, last = -1;
    int64_t offset = 0;  // within scratch
    AlignedBlock block = {};
  };
  int Add(Entry entry);
  // Sets the offsets of scratch entries and returns the end of the last one, which is at most `most`.
  int64_t LayOutScratch(int64_t most);

  std::vector<Entry> entries_;
  std::vector<uint8_t*> addresses_;
  SharedScratch::Share scratch_;
};

}  // namespace mayfly::cpu
