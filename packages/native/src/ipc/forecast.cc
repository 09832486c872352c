#include "ipc/forecast.h"

#include <algorithm>

namespace mayfly {
namespace {

// The main process spins for shorter evaluations from the start, or nearly.
constexpr uint64_t kShortest = 80'000;
// For longer evaluations the time to wake up matters little, and their end is too uncertain.
constexpr uint64_t kLongest = 1'000'000;
// In a virtual machine an alarm goes off up to 40 us late, and half of all evaluations are shorter than the typical
// one.
constexpr uint64_t kEarly = 45'000;
constexpr uint32_t kMostPenalty = 64;

}  // namespace

void Forecast::Record(uint64_t nanoseconds) {
  if (pause_ > 0) --pause_;
  if (typical_ == 0) {
    typical_ = nanoseconds;
    return;
  }
  // Near the median: an evaluation that was interrupted says little about the next.
  const uint64_t bounded = std::clamp(nanoseconds, typical_ - typical_ / 4, typical_ + typical_ / 4);
  typical_ = typical_ - typical_ / 8 + bounded / 8;
}

uint64_t Forecast::wake_after() const {
  return pause_ > 0 || typical_ < kShortest || typical_ > kLongest ? 0 : typical_ - kEarly;
}

void Forecast::Judge(bool hit) {
  penalty_ = hit ? penalty_ / 2 : std::min(kMostPenalty, 2 * penalty_ + 1);
  if (!hit) pause_ = penalty_;
}

}  // namespace mayfly
