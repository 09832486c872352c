// A weight file of a program, as it lies in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace mayfly::mil {

// One file that BLOBFILE(path=…) names. `data` must stay valid while the program is compiled, and no longer.
struct WeightFile {
  std::string path;
  const uint8_t* data;
  size_t bytes;
};

}  // namespace mayfly::mil
