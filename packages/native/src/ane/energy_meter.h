// Energy of the Neural Engine's dies and bytes between memory and chip, from the system's counters. The names of
// channels are those that public programs read; no Mac has run this.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ane/io_report.h"

namespace mayfly::ane {

struct MemoryTraffic {
  // Read and written, by all of the chip.
  double bytes;
  // By the Neural Engine; absent where its share is not counted.
  std::optional<double> ane_bytes;
};

struct EnergyReading {
  double seconds;
  // By channel, one for each die: `ANE0_1`. Absent if the counters are, or one went backwards.
  std::optional<std::vector<std::pair<std::string, double>>> joules;
  std::optional<MemoryTraffic> memory;
};

// Counts from one reading to the next.
class EnergyMeter {
 public:
  // Asks, once in a process, which groups of channels give readable changes; this takes some hundredths of a second.
  // Throws ERR_DEVICE_UNAVAILABLE if neither energy nor memory is counted.
  EnergyMeter();

  // What was counted since the last reading, or since this was made.
  EnergyReading Read();

  // The channels of energy.
  std::vector<std::string> Dies() const;
  // `AMC Stats`, `PMP0/DCS BW`; empty if memory is not counted.
  std::string MemorySource() const;

 private:
  struct Samples {
    std::chrono::steady_clock::time_point at;
    std::optional<Owned> energy;
    std::optional<Owned> memory;
  };
  static Samples Take();

  Samples last_;
};

}  // namespace mayfly::ane
