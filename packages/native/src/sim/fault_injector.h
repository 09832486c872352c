// Decides which evaluations and compilations a fault strikes.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

#include "sim/sim_settings.h"

namespace mayfly::sim {

class FaultInjector {
 public:
  FaultInjector(const std::vector<Fault>& faults, uint64_t seed);

  // Counts one more event and returns the fault that strikes it, the first of the list where several do. A fault that
  // ends or hangs the process does so in this call.
  std::optional<FaultKind> Next();

 private:
  std::vector<Fault> faults_;
  std::mt19937_64 random_;
  uint64_t count_ = 0;
};

}  // namespace mayfly::sim
