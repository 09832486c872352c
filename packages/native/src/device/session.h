// One open device, the programs loaded on it, and counts of its use. For one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "device/device.h"
#include "shm/arena.h"

namespace mayfly {

struct SessionStats {
  uint64_t compilations = 0;
  uint64_t live_programs = 0;
  uint64_t evaluations = 0;
  uint64_t resident_bytes = 0;
  uint64_t evaluate_nanoseconds = 0;
  uint64_t compile_nanoseconds = 0;
  CopiedBytes copied;
};

struct Evaluation {
  // That the device took.
  uint64_t nanoseconds = 0;
  // Into the device's memory and out of it, by the evaluation itself.
  uint64_t copied_bytes = 0;
  // Into the device's memory before it, and out of it after it.
  uint64_t prefetched_bytes = 0;
  // Nanoseconds of the steady clock, which is that of process.hrtime: the same in all processes of the machine.
  uint64_t ended = 0;
  // Null if the output is written. The program must not be unloaded before it has ended.
  std::shared_ptr<PendingOutput> pending;
};

struct WeightRange {
  std::string path;
  uint64_t offset;
  uint64_t bytes;
};

// An InputPart in the arena.
struct PartRange {
  uint64_t from = 0;
  uint64_t at = 0;
  uint32_t from_stride = 0;
  uint32_t rows = 0;
  uint32_t row_bytes = 0;
  uint32_t reserved = 0;
};

// A dispatch's frame has 16 bits for these rows, plus 1.
constexpr uint64_t kMostLeadingRows = 65'534;

// An InputReuse in the arena.
struct ReuseRanges {
  uint64_t fresh_columns = 0;
  uint64_t generation = 0;
  uint64_t output_generation = 0;
  std::vector<PartRange> parts;
  std::optional<size_t> leading_rows;
};

class DeviceSession {
 public:
  DeviceSession(std::unique_ptr<Device> device, std::shared_ptr<Arena> arena);

  const char* name() const { return device_->name(); }
  const char* api() const { return device_->api(); }
  SessionStats stats() const;
  const Program& program(uint32_t id) const;

  // Failed compilations count too, since they use up the limit of the device's compiler. Programs from the device's
  // cache do not count. Ids are never reused.
  uint32_t Compile(const std::string& text, const std::vector<WeightRange>& weights,
                   const CompileOptions& options = {});

  // `offsets`: those of the inputs, then those of the outputs. An output must not overlap another port. Throws
  // ERR_PROGRAM_UNKNOWN, ERR_ARENA_BOUNDS, or an error of the device.
  Evaluation Evaluate(uint32_t id, const uint64_t* offsets, size_t count, const ReuseRanges& reuse = {});

  // Begins to copy what a later evaluation with this first input reads, as Program::Prefetch. Throws as Evaluate.
  void Prefetch(uint32_t id, uint64_t input, const ReuseRanges& reuse);

  void Unload(uint32_t id);

  // Unloads everything and closes the device, although others may still hold the session.
  void Close();

 private:
  struct Loaded {
    std::unique_ptr<Program> program;
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    // The part of the statistics that is this program's, which may grow with its use.
    uint64_t resident_bytes = 0;
  };

  Loaded& Find(uint32_t id);
  void CountResident(Loaded* loaded, uint64_t bytes);
  uint8_t* At(const Port& port, uint64_t offset) const;
  // Resolves `reuse` for an input at `offset`; copies the parts there for a program that does not gather them.
  void Resolve(const ReuseRanges& reuse, const Program& program, uint8_t* input);
  // Counts what a program copied since `before`, and returns it.
  CopiedBytes CountCopied(const Program& program, const CopiedBytes& before);

  // Outlives the device, which may still prefetch from it.
  std::shared_ptr<Arena> arena_;
  std::unique_ptr<Device> device_;
  std::unordered_map<uint32_t, Loaded> loaded_;
  SessionStats stats_;
  // Of the call under way; kept for its memory.
  InputReuse reuse_;
  uint32_t next_id_ = 1;
};

}  // namespace mayfly
