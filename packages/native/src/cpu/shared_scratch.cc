#include "cpu/shared_scratch.h"

#include <utility>

namespace mayfly::cpu {

SharedScratch::Share::Share(SharedScratch* scratch, size_t bytes) : bytes_(bytes) {
  scratch->Take(bytes);
  scratch_ = scratch;
}

SharedScratch::Share::~Share() {
  if (scratch_ != nullptr) scratch_->Give();
}

SharedScratch::Share::Share(Share&& other) noexcept
    : scratch_(std::exchange(other.scratch_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

SharedScratch::Share& SharedScratch::Share::operator=(Share&& other) noexcept {
  std::swap(scratch_, other.scratch_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

void SharedScratch::Take(size_t bytes) {
  if (bytes > bytes_) {
    block_ = AlignedBlock(bytes);
    bytes_ = bytes;
  }
  ++shares_;
}

void SharedScratch::Give() {
  if (--shares_ > 0) return;
  block_ = {};
  bytes_ = 0;
}

}  // namespace mayfly::cpu
