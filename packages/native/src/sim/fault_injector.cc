#include "sim/fault_injector.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace mayfly::sim {

FaultInjector::FaultInjector(const std::vector<Fault>& faults, uint64_t seed) : faults_(faults), random_(seed) {}

std::optional<FaultKind> FaultInjector::Next() {
  ++count_;
  std::optional<FaultKind> struck;
  for (const Fault& fault : faults_) {
    bool strikes = std::find(fault.at.begin(), fault.at.end(), count_) != fault.at.end() ||
                   (fault.every > 0 && count_ % fault.every == 0) || (fault.from > 0 && count_ >= fault.from);
    // Drawn whatever struck before, so that one fault does not move the others.
    if (fault.probability > 0) strikes |= static_cast<double>(random_() >> 11) * 0x1p-53 < fault.probability;
    if (strikes && !struck) struck = fault.kind;
  }
  return struck;
}

void Hang() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

void Crash() {
  std::signal(SIGSEGV, SIG_DFL);
  std::raise(SIGSEGV);
  std::abort();
}

}  // namespace mayfly::sim
