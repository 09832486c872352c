#include "cpu/buffer_table.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>

#include "error.h"

namespace mayfly::cpu {
namespace {

constexpr int64_t kAlignment = AlignedBlock::kAlignment;
void ExpectAtMost(int64_t most, int64_t bytes, const char* of_what) {
  if (bytes <= most) return;
  throw Error("ERR_MIL_UNSUPPORTED", "Expected a program that needs at most " + std::to_string(most) + " bytes of " +
                                         of_what + ", got one that needs " + SizeText(bytes));
}

int64_t Aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Free ranges of a block that grows at its end.
class FreeList {
 public:
  // Takes the smallest range that fits.
  int64_t Take(int64_t bytes) {
    auto best = ranges_.end();
    for (auto range = ranges_.begin(); range != ranges_.end(); ++range) {
      if (range->second >= bytes && (best == ranges_.end() || range->second < best->second)) best = range;
    }
    if (best == ranges_.end()) {
      // Grows the last range if it reaches the end, otherwise the block.
      int64_t offset = end_;
      if (!ranges_.empty() && std::prev(ranges_.end())->first + std::prev(ranges_.end())->second == end_) {
        offset = std::prev(ranges_.end())->first;
        ranges_.erase(std::prev(ranges_.end()));
      }
      end_ = offset + bytes;
      return offset;
    }
    const int64_t offset = best->first, rest = best->second - bytes;
    ranges_.erase(best);
    if (rest > 0) ranges_[offset + bytes] = rest;
    return offset;
  }

  void Give(int64_t offset, int64_t bytes) {
    auto next = ranges_.upper_bound(offset);
    if (next != ranges_.end() && next->first == offset + bytes) {
      bytes += next->second;
      next = ranges_.erase(next);
    }
    if (next != ranges_.begin()) {
      const auto previous = std::prev(next);
      if (previous->first + previous->second == offset) {
        previous->second += bytes;
        return;
      }
    }
    ranges_[offset] = bytes;
  }

  int64_t end() const { return end_; }

 private:
  std::map<int64_t, int64_t> ranges_;
  int64_t end_ = 0;
};

}  // namespace

int BufferTable::Add(Entry entry) {
  entries_.push_back(std::move(entry));
  addresses_.push_back(entries_.back().block.data());
  return static_cast<int>(entries_.size()) - 1;
}

int BufferTable::AddScratch(int64_t bytes) {
  ExpectAtMost(kMaxPlanBytes, bytes, "scratch memory");
  return Add({BufferKind::kScratch, 0, bytes});
}

int BufferTable::AddConstant(const uint8_t* data, int64_t bytes) {
  ExpectAtMost(kMaxPlanBytes, SizeSum(static_cast<int64_t>(constant_bytes()), bytes), "constants");
  Entry entry{BufferKind::kConstant, 0, bytes};
  entry.block = AlignedBlock(static_cast<size_t>(bytes));
  if (data != nullptr) std::memcpy(entry.block.data(), data, static_cast<size_t>(bytes));
  return Add(std::move(entry));
}

int64_t BufferTable::LayOutScratch(int64_t most) {
  std::vector<int> starts, ends;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].kind == BufferKind::kScratch && entries_[i].first >= 0) starts.push_back(static_cast<int>(i));
  }
  ends = starts;
  auto entry = [&](int i) -> Entry& { return entries_[static_cast<size_t>(i)]; };
  std::sort(starts.begin(), starts.end(),
            [&](int a, int b) { return std::pair(entry(a).first, a) < std::pair(entry(b).first, b); });
  std::sort(ends.begin(), ends.end(),
            [&](int a, int b) { return std::pair(entry(a).last, a) < std::pair(entry(b).last, b); });
  FreeList free;
  size_t ended = 0;
  for (int i : starts) {
    while (entry(ends[ended]).last < entry(i).first) {
      const Entry& gone = entry(ends[ended++]);
      free.Give(gone.offset, Aligned(gone.bytes));
    }
    entry(i).offset = free.Take(Aligned(entry(i).bytes));
    ExpectAtMost(most, free.end(), "scratch memory");
  }
  return free.end();
}

void BufferTable::Finish(const std::vector<std::unique_ptr<Node>>& nodes, SharedScratch* scratch) {
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const std::vector<int>* touched : {&nodes[i]->reads(), &nodes[i]->writes()}) {
      for (int buffer : *touched) {
        Entry& entry = entries_[static_cast<size_t>(buffer)];
        if (entry.first < 0) entry.first = static_cast<int>(i);
        entry.last = static_cast<int>(i);
      }
    }
  }
  scratch_ = SharedScratch::Share(scratch, static_cast<size_t>(LayOutScratch(scratch->limit())));
  for (size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    if (entry.kind == BufferKind::kConstant && entry.first < 0) {
      entry.block = {};
      entry.bytes = 0;
      addresses_[i] = nullptr;
    }
  }
}

Buffers BufferTable::Bind(const void* const* inputs, void* const* outputs) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    switch (entry.kind) {
      // Nodes never write to inputs.
      case BufferKind::kInput: addresses_[i] = static_cast<uint8_t*>(const_cast<void*>(inputs[entry.port])); break;
      case BufferKind::kOutput: addresses_[i] = static_cast<uint8_t*>(outputs[entry.port]); break;
      case BufferKind::kScratch: addresses_[i] = scratch_.data() + entry.offset; break;
      case BufferKind::kConstant: break;
    }
  }
  return addresses_.data();
}

size_t BufferTable::constant_bytes() const {
  int64_t total = 0;
  for (const Entry& entry : entries_) total += entry.kind == BufferKind::kConstant ? entry.bytes : 0;
  return static_cast<size_t>(total);
}

}  // namespace mayfly::cpu
