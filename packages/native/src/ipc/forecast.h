// When the answer to a dispatch will come, from how long those before it took, so that the main process can be awake by
// then.
#pragma once

#include <cstdint>

namespace mayfly {

class Forecast {
 public:
  // An evaluation took so many nanoseconds.
  void Record(uint64_t nanoseconds);
  // Nanoseconds after a dispatch at which to begin to look for its answer; 0 where that is not worth it: evaluations
  // that are short or long, or whose answers were missed lately.
  uint64_t wake_after() const;
  // Whether the answer came while it was looked for.
  void Judge(bool hit);

 private:
  uint64_t typical_ = 0;
  // Dispatches to let pass, and how many more after the next miss.
  uint32_t pause_ = 0;
  uint32_t penalty_ = 0;
};

}  // namespace mayfly
