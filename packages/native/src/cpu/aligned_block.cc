#include "cpu/aligned_block.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "error.h"

namespace mayfly::cpu {

AlignedBlock::AlignedBlock(size_t bytes) {
  void* memory = nullptr;
  if (posix_memalign(&memory, kAlignment, std::max(bytes, kAlignment)) != 0) {
    throw Error("ERR_MIL_UNSUPPORTED",
                "Expected memory for a program that needs " + std::to_string(bytes) + " bytes, got none");
  }
  data_.reset(static_cast<uint8_t*>(memory));
}

void AlignedBlock::Free::operator()(uint8_t* data) const { std::free(data); }

}  // namespace mayfly::cpu
