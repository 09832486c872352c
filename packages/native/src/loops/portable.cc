// Any processor: vectors of 4 floats in the compiler's own vector type (SSE2, or whatever the target has).
#include <cstdint>
#include <cstring>

#include "loops/loops.h"
#include "loops/make_loops.h"
#include "math/simd/half.h"

namespace mayfly::portable {
namespace {

struct Simd {
  typedef float F __attribute__((vector_size(16)));
  static constexpr int kWidth = 4;
  // Of the loops that the compiler vectorizes; Fma below always rounds twice.
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  static constexpr bool kFusedMultiplyAdd = true;
#else
  static constexpr bool kFusedMultiplyAdd = false;
#endif
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
    for (int64_t i = 0; i < n; ++i) x[i] = HalfToFloat(p[i]);
    return x;
  }
  static void Store(float* p, F x) { std::memcpy(p, &x, sizeof x); }
  static void Store(uint16_t* p, F x) { Store(p, x, 4); }
  static void Store(float* p, F x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) p[i] = x[i];
  }
  static void Store(uint16_t* p, F x, int64_t n) {
    for (int64_t i = 0; i < n; ++i) p[i] = FloatToHalf(x[i]);
  }
  // a·b + c, rounded twice
  static F Fma(F a, F b, F c) { return a * b + c; }
  // The larger; b where either is NaN.
  static F Max(F a, F b) {
    for (int i = 0; i < 4; ++i) a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
  }
  static F Sqrt(F x) {
    for (int i = 0; i < 4; ++i) x[i] = __builtin_sqrtf(x[i]);
    return x;
  }
  // x·2^n for a whole n from -126 to 127
  static F Scale(F x, F n) {
    for (int i = 0; i < 4; ++i) {
      const bool usable = n[i] >= -126 && n[i] <= 127;  // not so where x is NaN
      x[i] *= FloatFromBits(static_cast<uint32_t>((usable ? static_cast<int>(n[i]) : 0) + 127) << 23);
    }
    return x;
  }

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

}  // namespace

extern const Loops kLoops = MakeLoops<Simd>();

}  // namespace mayfly::portable
