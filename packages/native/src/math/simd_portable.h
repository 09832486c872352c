// Vectors of 4 floats in the compiler's own vector type (SSE2, or whatever the target has), for any processor.
#pragma once

#include <cstdint>
#include <cstring>

#include "math/half_bits.h"

namespace mayfly::portable {

struct Simd {
  typedef float F __attribute__((vector_size(16)));
  static constexpr int kWidth = 4;
  // Register block of the matrix product: 8 accumulators of 16 registers.
  static constexpr int kGemmRows = 4;
  static constexpr int kGemmVectors = 2;

  static F Zero() { return F{0, 0, 0, 0}; }
  static F Set(float x) { return F{x, x, x, x}; }
  static F Load(const float* p) {
    F x;
    std::memcpy(&x, p, sizeof x);
    return x;
  }
  static F Load(const uint16_t* p) { return Load(p, 4); }
  // The first n of kWidth elements; the others read as zero and are not touched.
  static F Load(const float* p, int64_t n) {
    F x = Zero();
    for (int64_t i = 0; i < n; ++i) x[i] = p[i];
    return x;
  }
  static F Load(const uint16_t* p, int64_t n) {
    F x = Zero();
    for (int64_t i = 0; i < n; ++i) x[i] = HalfBitsToFloat(p[i]);
    return x;
  }
  static void Store(float* p, F x) { std::memcpy(p, &x, sizeof x); }
  static void Store(uint16_t* p, F x) { Store(p, x, 4); }
  static void Store(float* p, F x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) p[i] = x[i];
  }
  static void Store(uint16_t* p, F x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) p[i] = FloatToHalfBits(x[i]);
  }
  // a·b + c, rounded twice
  static F Fma(F a, F b, F c) { return a * b + c; }

  // rows[i][j] ↔ rows[j][i]
  static void Transpose(F (&rows)[4]) {
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < i; ++j) {
        const float x = rows[i][j];
        rows[i][j] = rows[j][i];
        rows[j][i] = x;
      }
    }
  }
};

}  // namespace mayfly::portable
