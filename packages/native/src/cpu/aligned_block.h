// Cache-line aligned memory with arbitrary content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace mayfly::cpu {

class AlignedBlock {
 public:
  static constexpr size_t kAlignment = 64;

  AlignedBlock() = default;
  // Throws ERR_MIL_UNSUPPORTED where the system refuses the memory.
  explicit AlignedBlock(size_t bytes);
  uint8_t* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* data) const;
  };
  std::unique_ptr<uint8_t, Free> data_;
};

}  // namespace mayfly::cpu
