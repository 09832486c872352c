// Memory for values that live only during an evaluation. All programs of a device share one block, since one is
// evaluated at a time: with a block for each program, every new process would fault in the pages of all of them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/aligned_block.h"

namespace mayfly::cpu {

// The limit for each buffer of a program, for its constants together, and for its scratch memory.
constexpr int64_t kMaxPlanBytes = int64_t{16} << 30;

class SharedScratch {
 public:
  // The right of a program to use the first `bytes`, whose content is arbitrary before each evaluation.
  class Share {
   public:
    Share() = default;
    // `scratch` must outlive it. Throws ERR_MIL_UNSUPPORTED where the system refuses the memory.
    Share(SharedScratch* scratch, size_t bytes);
    ~Share();
    Share(Share&& other) noexcept;
    Share& operator=(Share&& other) noexcept;

    // Valid until the next share is taken.
    uint8_t* data() const { return scratch_ == nullptr ? nullptr : scratch_->block_.data(); }
    size_t bytes() const { return bytes_; }

   private:
    SharedScratch* scratch_ = nullptr;
    size_t bytes_ = 0;
  };

  // Programs may need up to `limit` bytes.
  explicit SharedScratch(int64_t limit = kMaxPlanBytes) : limit_(limit) {}
  SharedScratch(const SharedScratch&) = delete;
  SharedScratch& operator=(const SharedScratch&) = delete;

  int64_t limit() const { return limit_; }
  // The size of the largest share so far; 0 again when no share is left.
  size_t bytes() const { return bytes_; }

 private:
  void Take(size_t bytes);
  void Give();

  const int64_t limit_;
  AlignedBlock block_;
  size_t bytes_ = 0;
  size_t shares_ = 0;
};

}  // namespace mayfly::cpu
