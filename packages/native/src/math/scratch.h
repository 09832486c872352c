// Memory that a thread keeps between calls, so that a warm call allocates nothing.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace mayfly {

class Scratch {
 public:
  Scratch() = default;
  ~Scratch() { std::free(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // At least `count` floats, aligned to a cache line, with arbitrary content; valid until the next call.
  float* Floats(size_t count) {
    if (count > capacity_) {
      std::free(data_);
      data_ = nullptr;
      capacity_ = 0;
      void* memory = nullptr;
      if (posix_memalign(&memory, 64, count * sizeof(float)) != 0) throw std::bad_alloc();
      data_ = static_cast<float*>(memory);
      capacity_ = count;
    }
    return data_;
  }

 private:
  float* data_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace mayfly
