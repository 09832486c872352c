// Memory for what lives only during an evaluation, shared by the programs of a device, of which one is evaluated at a
// time. A block for each would be memory that every new process gets from the system page by page, for each of its
// programs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/aligned_block.h"

namespace mayfly::cpu {

// Of each buffer of a program, of its constants together, and of its scratch memory.
constexpr int64_t kMaxPlanBytes = int64_t{16} << 30;

class SharedScratch {
 public:
  // A program's right to the first `bytes`, with arbitrary content before each evaluation.
  class Share {
   public:
    Share() = default;
    // `scratch` must outlive it. Throws ERR_MIL_UNSUPPORTED where the system has not so much.
    Share(SharedScratch* scratch, size_t bytes);
    ~Share();
    Share(Share&& other) noexcept;
    Share& operator=(Share&& other) noexcept;

    // Until the next share is taken.
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
  // What the largest share needed, until there is none.
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
