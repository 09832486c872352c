#include "sim/fault_injector.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace mayfly::sim {
namespace {

[[noreturn]] void EndBy(int signal) {
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  std::abort();
}

// Returns only for faults that the process survives.
void Suffer(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::kHang:
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    case FaultKind::kCrash: EndBy(SIGSEGV);
    case FaultKind::kAbort: EndBy(SIGABRT);
    case FaultKind::kExit: std::_Exit(fault.code);
    case FaultKind::kError:
    case FaultKind::kLoad:
    case FaultKind::kLeak:
    case FaultKind::kZeros: return;
  }
}

}  // namespace

FaultInjector::FaultInjector(const std::vector<Fault>& faults, uint64_t seed) : faults_(faults), random_(seed) {}

std::optional<FaultKind> FaultInjector::Next() {
  ++count_;
  const Fault* struck = nullptr;
  for (const Fault& fault : faults_) {
    bool strikes = std::find(fault.at.begin(), fault.at.end(), count_) != fault.at.end() ||
                   (fault.every > 0 && count_ % fault.every == 0) || (fault.from > 0 && count_ >= fault.from);
    // Draws even if an earlier fault strikes, so that faults do not shift each other's sequences.
    if (fault.probability > 0) strikes |= static_cast<double>(random_() >> 11) * 0x1p-53 < fault.probability;
    if (strikes && struck == nullptr) struck = &fault;
  }
  if (struck == nullptr) return std::nullopt;
  Suffer(*struck);
  return struck->kind;
}

}  // namespace mayfly::sim
