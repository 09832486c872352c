// AVX2 with FMA and F16C: vectors of 8 floats.
#if defined(__x86_64__)

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "loops/loops.h"
#include "math/simd/target.h"

MAYFLY_BEGIN_TARGET("avx2,fma,f16c")

#include "loops/make_loops.h"

namespace mayfly::avx2 {
namespace {

struct Simd {
  using F = __m256;
  static constexpr int kWidth = 8;
  static constexpr bool kFusedMultiplyAdd = true;  // Fma rounds once
  // Register block of the matrix product: 12 accumulators of 16 registers.
  static constexpr int kGemmRows = 6;
  static constexpr int kGemmVectors = 2;

  static F Zero() { return _mm256_setzero_ps(); }
  static F Set(float x) { return _mm256_set1_ps(x); }
  static F Load(const float* p) { return _mm256_loadu_ps(p); }
  static F Load(const uint16_t* p) { return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }
  // The first n of kWidth elements; the others read as zero and are not touched.
  static F Load(const float* p, int64_t n) { return _mm256_maskload_ps(p, First(n)); }
  static F Load(const uint16_t* p, int64_t n) {
    uint16_t whole[8] = {};
    for (int64_t i = 0; i < n; ++i) whole[i] = p[i];
    return Load(whole);
  }
  static void Store(float* p, F x) { _mm256_storeu_ps(p, x); }
  static void Store(uint16_t* p, F x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), ToHalf(x)); }
  static void Store(float* p, F x, int64_t n) { _mm256_maskstore_ps(p, First(n), x); }
  static void Store(uint16_t* p, F x, int64_t n) {
    uint16_t whole[8];
    Store(whole, x);
    for (int64_t i = 0; i < n; ++i) p[i] = whole[i];
  }
  // a·b + c
  static F Fma(F a, F b, F c) { return _mm256_fmadd_ps(a, b, c); }
  // The larger; b where either is NaN.
  static F Max(F a, F b) { return _mm256_max_ps(a, b); }
  static F Sqrt(F x) { return _mm256_sqrt_ps(x); }
  // x·2^n for a whole n from -126 to 127
  static F Scale(F x, F n) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    return _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
  }

  // rows[i][j] ↔ rows[j][i]
  static void Transpose(F (&rows)[8]) {
    F t[8];
    for (int i = 0; i < 8; i += 2) {
      t[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
      t[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      rows[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
      rows[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
      rows[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
      rows[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
      t[i] = _mm256_permute2f128_ps(rows[i], rows[i + 4], 0x20);
      t[i + 4] = _mm256_permute2f128_ps(rows[i], rows[i + 4], 0x31);
    }
    for (int i = 0; i < 8; ++i) rows[i] = t[i];
  }

 private:
  static __m256i First(int64_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  static __m128i ToHalf(F x) { return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }
};

}  // namespace

extern const Loops kLoops = MakeLoops<Simd>();

}  // namespace mayfly::avx2

MAYFLY_END_TARGET

#endif
