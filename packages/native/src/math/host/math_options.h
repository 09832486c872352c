// The arguments of a host-math call: option objects, every number checked, every tensor within the arena.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "math/gemm/gemm.h"
#include "napi_arguments.h"
#include "shm/arena.h"

namespace mayfly {

// The largest dimension or stride: products of two of them, in bytes, stay within 64 bits.
constexpr int64_t kLargestDimension = int64_t{1} << 30;

// `bytes` at the offset `value`, a multiple of `alignment`. Throws ERR_INVALID_ARGUMENT, ERR_ARENA_BOUNDS.
uint8_t* ArenaRange(const Arena& arena, const Napi::Value& value, const char* name, int64_t bytes, int64_t alignment);

// `count` elements at the byte offset `value`. T is float, uint16_t (fp16), int32_t or uint8_t.
template <class T>
T* ArenaArray(const Arena& arena, const Napi::Value& value, const char* name, int64_t count) {
  return reinterpret_cast<T*>(ArenaRange(arena, value, name, count * static_cast<int64_t>(sizeof(T)), sizeof(T)));
}

// Several of them, at the byte offsets of a list.
template <class T>
std::vector<const T*> ArenaArrays(const Arena& arena, const Napi::Value& offsets, const char* name, int64_t count) {
  return ListOf(ArrayOf(offsets, name),
                [&](const Napi::Value& each) -> const T* { return ArenaArray<T>(arena, each, name, count); });
}

// A word of the option `precision`; undefined is exact.
Precision PrecisionOrExact(const Napi::Value& value);

template <class T>
struct StridedRows {
  T* data;
  int64_t stride;
};

class MathOptions {
 public:
  // Throws unless `options` is an object.
  MathOptions(const Napi::Value& options, std::shared_ptr<Arena> arena);

  bool Has(const char* name) const;
  int64_t Dimension(const char* name, int64_t least = 1) const;
  int64_t Whole(const char* name, int64_t least, int64_t most) const;
  double Number(const char* name) const;
  double Positive(const char* name) const;
  double Fraction(const char* name) const;  // in [0, 1)
  bool Flag(const char* name) const;        // absent is false
  // One of the two words; true for the second.
  bool Second(const char* name, const char* first, const char* second) const;
  // The option `precision`; absent is exact.
  Precision PrecisionOrExact() const;

  template <class T>
  T* Array(const char* name, int64_t count) const {
    return ArenaArray<T>(*arena_, options_.Get(name), name, count);
  }
  template <class T>
  T* Optional(const char* name, int64_t count) const {
    return Has(name) ? Array<T>(name, count) : nullptr;
  }
  // None where the option is absent.
  template <class T>
  std::vector<const T*> Arrays(const char* name, int64_t count) const {
    if (!Has(name)) return {};
    return ArenaArrays<T>(*arena_, options_.Get(name), name, count);
  }
  // A matrix whose rows lie `stride_name` apart. (Each option is read once: a getter could answer differently later.)
  template <class T>
  StridedRows<T> Rows(const char* name, const char* stride_name, int64_t rows, int64_t columns) const {
    const int64_t stride = Dimension(stride_name, columns);
    return {Array<T>(name, (rows - 1) * stride + columns), stride};
  }
  // The same with an element type out of the options.
  MatrixOutput Matrix(const char* name, const char* type_name, const char* stride_name, int64_t rows,
                      int64_t columns) const;
  MatrixView View(const char* name, const char* type_name, const char* stride_name, int64_t rows,
                  int64_t columns) const;

 private:
  double Checked(const char* name, const char* expected, bool (*accept)(double)) const;

  Napi::Object options_;
  std::shared_ptr<Arena> arena_;
};

}  // namespace mayfly
