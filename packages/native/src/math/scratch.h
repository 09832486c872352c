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

  // At least `size` bytes, aligned to a cache line, with arbitrary content; valid until the next call.
  void* Bytes(size_t size) {
    if (size > capacity_) {
      std::free(data_);
      data_ = nullptr;
      capacity_ = 0;
      if (posix_memalign(&data_, 64, size) != 0) throw std::bad_alloc();
      capacity_ = size;
    }
    return data_;
  }

  float* Floats(size_t count) { return static_cast<float*>(Bytes(count * sizeof(float))); }

 private:
  void* data_ = nullptr;
  size_t capacity_ = 0;
};

}  // namespace mayfly
