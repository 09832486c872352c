// The memory of a plan: a program's inputs and outputs, constants, and pieces of one scratch block that are shared by what
// is not alive at the same time.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cpu/node.h"

namespace mayfly::cpu {

enum class BufferKind : uint8_t { kInput, kOutput, kConstant, kScratch };

// Cache-line aligned memory.
class AlignedBlock {
 public:
  AlignedBlock() = default;
  // Throws ERR_MIL_UNSUPPORTED where the system has not so much.
  explicit AlignedBlock(size_t bytes);
  uint8_t* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* data) const;
  };
  std::unique_ptr<uint8_t, Free> data_;
};

class BufferTable {
 public:
  int AddInput(int port) { return Add({BufferKind::kInput, port, 0}); }
  int AddOutput(int port) { return Add({BufferKind::kOutput, port, 0}); }
  int AddScratch(int64_t bytes) { return Add({BufferKind::kScratch, 0, bytes}); }
  // Allocated at once; `data` is copied unless null.
  int AddConstant(const uint8_t* data, int64_t bytes);
  BufferKind KindOf(int buffer) const { return entries_[static_cast<size_t>(buffer)].kind; }

  // Addresses for nodes that touch constants only.
  Buffers Constants() { return addresses_.data(); }
  // Lays out and allocates scratch for nodes run in this order, and frees constants that none of them reads.
  void Finish(const std::vector<std::unique_ptr<Node>>& nodes);
  // Addresses for one evaluation.
  Buffers Bind(const void* const* inputs, void* const* outputs);
  // Of constants and scratch.
  size_t bytes() const;

 private:
  struct Entry {
    BufferKind kind;
    int port;
    int64_t bytes;
    int first = -1, last = -1;
    AlignedBlock block = {};
  };
  int Add(Entry entry);
  std::vector<int64_t> LayOutScratch(int64_t* total) const;

  std::vector<Entry> entries_;
  std::vector<uint8_t*> addresses_;
  AlignedBlock scratch_;
  int64_t scratch_bytes_ = 0;
};

}  // namespace mayfly::cpu
