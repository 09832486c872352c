// Predicts when the answer to a dispatch comes from the durations of earlier evaluations, so that the main process can
// be awake in time.
#pragma once

#include <cstdint>

namespace mayfly {

class Forecast {
 public:
  // An evaluation took this long.
  void Record(uint64_t nanoseconds);
  // Nanoseconds after a dispatch at which to start looking for its answer. 0 where that is not worth it: evaluations
  // are short or long, or recent forecasts missed.
  uint64_t wake_after() const;
  // Says whether the answer came while the main process looked for it.
  void Judge(bool hit);

 private:
  uint64_t typical_ = 0;
  // Forecasts to skip before the next try, and how many the next miss makes it skip (0, 1, 3, 7 … 64).
  uint32_t pause_ = 0;
  uint32_t penalty_ = 0;
};

}  // namespace mayfly
