// One open device and the programs loaded on it, with counts of its use.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
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
};

struct WeightRange {
  std::string path;
  uint64_t offset;
  uint64_t bytes;
};

class DeviceSession {
 public:
  DeviceSession(std::unique_ptr<Device> device, std::shared_ptr<Arena> arena);

  const char* name() const { return device_->name(); }
  SessionStats stats() const;
  const Program& program(uint32_t id) const;

  // Failed compilations count too: the device's compiler does not forget them. Programs that a device had compiled
  // already do not. Ids are never used twice.
  uint32_t Compile(const std::string& text, const std::vector<WeightRange>& weights);

  // Input offsets, then output offsets. An output must not overlap another port. Throws ERR_PROGRAM_UNKNOWN,
  // ERR_ARENA_BOUNDS or what the device throws; returns the nanoseconds that the device took.
  uint64_t Evaluate(uint32_t id, const uint64_t* offsets, size_t count, const InputReuse& reuse = {});

  void Unload(uint32_t id);

  // Unloads everything and lets the device go, though others may still hold the session; nothing is loaded from then
  // on.
  void Close();

 private:
  struct Loaded {
    std::unique_ptr<Program> program;
    std::vector<const void*> inputs;
    std::vector<void*> outputs;
    // As counted in the statistics: a program may take more while it is used.
    uint64_t resident_bytes = 0;
  };

  Loaded& Find(uint32_t id);
  void CountResident(Loaded* loaded, uint64_t bytes);
  uint8_t* At(const Port& port, uint64_t offset) const;

  std::unique_ptr<Device> device_;
  std::shared_ptr<Arena> arena_;
  std::unordered_map<uint32_t, Loaded> loaded_;
  SessionStats stats_;
  uint32_t next_id_ = 1;
};

}  // namespace mayfly
