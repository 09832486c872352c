#include "device/session.h"

#include <chrono>
#include <cstring>

#include "error.h"

namespace mayfly {
namespace {

using Clock = std::chrono::steady_clock;

uint64_t Nanoseconds(Clock::duration duration) {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count());
}

bool Overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes) { return a < b + b_bytes && b < a + a_bytes; }

void CheckDisjoint(const std::vector<Port>& inputs, const std::vector<Port>& outputs, const uint64_t* offsets) {
  const size_t ports = inputs.size() + outputs.size();
  const auto port = [&](size_t i) -> const Port& { return i < inputs.size() ? inputs[i] : outputs[i - inputs.size()]; };
  for (size_t out = inputs.size(); out < ports; ++out) {
    for (size_t other = 0; other < out; ++other) {
      if (!Overlap(offsets[out], port(out).bytes(), offsets[other], port(other).bytes())) continue;
      throw Error("ERR_ARENA_BOUNDS", "Expected output " + port(out).name + " to lie apart from " + port(other).name +
                                          ", got both at " + std::to_string(offsets[out]));
    }
  }
}

}  // namespace

DeviceSession::DeviceSession(std::unique_ptr<Device> device, std::shared_ptr<Arena> arena)
    : arena_(std::move(arena)), device_(std::move(device)) {}

SessionStats DeviceSession::stats() const {
  SessionStats stats = stats_;
  if (device_ != nullptr) stats.resident_bytes += device_->shared_bytes();
  return stats;
}

DeviceSession::Loaded& DeviceSession::Find(uint32_t id) {
  const auto found = loaded_.find(id);
  if (found != loaded_.end()) return found->second;
  throw Error("ERR_PROGRAM_UNKNOWN", "Expected the id of a loaded program, got " + std::to_string(id));
}

const Program& DeviceSession::program(uint32_t id) const { return *const_cast<DeviceSession*>(this)->Find(id).program; }

void DeviceSession::CountResident(Loaded* loaded, uint64_t bytes) {
  stats_.resident_bytes += bytes - loaded->resident_bytes;
  loaded->resident_bytes = bytes;
}

uint32_t DeviceSession::Compile(const std::string& text, const std::vector<WeightRange>& weights,
                                const CompileOptions& options) {
  std::vector<mil::WeightFile> files;
  for (const WeightRange& range : weights)
    files.push_back({range.path, arena_->At(range.offset, range.bytes), range.bytes});
  ++stats_.compilations;
  const Clock::time_point start = Clock::now();
  std::unique_ptr<Program> program = device_->Compile(text, files, options);
  if (program->compilations() == 0) --stats_.compilations;
  const uint64_t own = program->compile_nanoseconds();
  stats_.compile_nanoseconds += own != 0 ? own : Nanoseconds(Clock::now() - start);
  ++stats_.live_programs;
  const uint32_t id = next_id_++;
  Loaded& loaded = loaded_[id];
  loaded.inputs.resize(program->inputs().size());
  loaded.outputs.resize(program->outputs().size());
  loaded.program = std::move(program);
  CountResident(&loaded, loaded.program->resident_bytes());
  return id;
}

uint8_t* DeviceSession::At(const Port& port, uint64_t offset) const {
  if (offset % SizeOf(port.dtype) != 0) {
    throw Error("ERR_ARENA_BOUNDS", "Expected " + port.name + " at a multiple of " +
                                        std::to_string(SizeOf(port.dtype)) + " bytes, got offset " +
                                        std::to_string(offset));
  }
  return arena_->At(offset, port.bytes());
}

void DeviceSession::Resolve(const ReuseRanges& reuse, const Program& program, uint8_t* input) {
  reuse_.fresh_columns = static_cast<size_t>(reuse.fresh_columns);
  reuse_.generation = reuse.generation;
  reuse_.output_generation = reuse.output_generation;
  reuse_.leading_rows = reuse.leading_rows;
  reuse_.parts.clear();
  if (reuse.parts.empty()) return;
  const Port& port = program.inputs()[0];
  const size_t stride = port.row_bytes();
  for (const PartRange& part : reuse.parts) {
    const uint64_t inside = uint64_t{part.rows - 1} * stride + part.row_bytes;
    if (part.rows == 0 || part.row_bytes > stride || part.row_bytes > part.from_stride || part.at > port.bytes() ||
        inside > port.bytes() - part.at) {
      throw Error("ERR_ARENA_BOUNDS", "Expected the parts of " + port.name + " to lie within its " +
                                          std::to_string(port.bytes()) + " bytes, got " + std::to_string(part.rows) +
                                          " rows of " + std::to_string(part.row_bytes) + " bytes at " +
                                          std::to_string(part.at));
    }
    const uint8_t* from = arena_->At(part.from, uint64_t{part.rows - 1} * part.from_stride + part.row_bytes);
    if (program.gathers()) {
      reuse_.parts.push_back({from, part.from_stride, static_cast<size_t>(part.at), part.rows, part.row_bytes});
      continue;
    }
    uint8_t* to = input + part.at;
    if (from == to) continue;
    for (size_t row = 0; row < part.rows; ++row)
      std::memmove(to + row * stride, from + row * part.from_stride, part.row_bytes);
  }
}

Evaluation DeviceSession::Evaluate(uint32_t id, const uint64_t* offsets, size_t count, const ReuseRanges& reuse) {
  Loaded& loaded = Find(id);
  const std::vector<Port>& inputs = loaded.program->inputs();
  const std::vector<Port>& outputs = loaded.program->outputs();
  if (count != inputs.size() + outputs.size()) {
    throw Error("ERR_ARENA_BOUNDS", "Expected " + std::to_string(inputs.size() + outputs.size()) + " offsets, got " +
                                        std::to_string(count));
  }
  for (size_t i = 0; i < inputs.size(); ++i) loaded.inputs[i] = At(inputs[i], offsets[i]);
  for (size_t i = 0; i < outputs.size(); ++i) loaded.outputs[i] = At(outputs[i], offsets[inputs.size() + i]);
  CheckDisjoint(inputs, outputs, offsets);
  const CopiedBytes before = loaded.program->copied();
  const Clock::time_point start = Clock::now();
  Resolve(reuse, *loaded.program, inputs.empty() ? nullptr : At(inputs[0], offsets[0]));
  loaded.program->EvaluateFresh(loaded.inputs.data(), loaded.outputs.data(), reuse_);
  const Clock::time_point end = Clock::now();
  const uint64_t own = loaded.program->evaluate_nanoseconds();
  const uint64_t nanoseconds = own != 0 ? own : Nanoseconds(end - start);
  ++stats_.evaluations;
  stats_.evaluate_nanoseconds += nanoseconds;
  CountResident(&loaded, loaded.program->resident_bytes());
  const CopiedBytes copied = CountCopied(*loaded.program, before);
  return {nanoseconds, copied.in + copied.out - copied.pending, copied.prefetched + copied.pending,
          Nanoseconds(end.time_since_epoch()), loaded.program->TakePending()};
}

void DeviceSession::Prefetch(uint32_t id, uint64_t input, const ReuseRanges& reuse) {
  Loaded& loaded = Find(id);
  Program& program = *loaded.program;
  if (!program.gathers() || program.inputs().empty()) return;
  uint8_t* const at = At(program.inputs()[0], input);
  const CopiedBytes before = program.copied();
  Resolve(reuse, program, at);
  program.Prefetch(at, reuse_);
  CountResident(&loaded, program.resident_bytes());
  CountCopied(program, before);
}

CopiedBytes DeviceSession::CountCopied(const Program& program, const CopiedBytes& before) {
  const CopiedBytes after = program.copied();
  const CopiedBytes copied = {after.in - before.in, after.out - before.out, after.prefetched - before.prefetched,
                              after.pending - before.pending};
  stats_.copied.in += copied.in;
  stats_.copied.out += copied.out;
  stats_.copied.prefetched += copied.prefetched + copied.pending;
  return copied;
}

void DeviceSession::Close() {
  loaded_.clear();
  device_.reset();
}

void DeviceSession::Unload(uint32_t id) {
  Loaded& loaded = Find(id);
  --stats_.live_programs;
  CountResident(&loaded, 0);
  loaded_.erase(id);
}

}  // namespace mayfly
