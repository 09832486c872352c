// Vectors of 16 floats. Include it between MAYFLY_BEGIN_TARGET and MAYFLY_END_TARGET, after math/simd/intrinsics.h.
#pragma once

#include <cstdint>

namespace mayfly::avx512 {
namespace {

struct Simd {
  using F = __m512;
  static constexpr int kWidth = 16;
  static constexpr bool kFusedMultiplyAdd = true;  // Fma rounds once
  // Register block of the matrix product: 24 accumulators of 32 registers.
  static constexpr int kGemmRows = 12;
  static constexpr int kGemmVectors = 2;

  static F Zero() { return _mm512_setzero_ps(); }
  static F Set(float x) { return _mm512_set1_ps(x); }
  static F Load(const float* p) { return _mm512_loadu_ps(p); }
  static F Load(const uint16_t* p) { return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  // The first n of kWidth elements; the others read as zero and are not touched.
  static F Load(const float* p, int64_t n) { return _mm512_maskz_loadu_ps(First(n), p); }
  static F Load(const uint16_t* p, int64_t n) { return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(First(n), p)); }
  static void Store(float* p, F x) { _mm512_storeu_ps(p, x); }
  static void Store(uint16_t* p, F x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), ToHalf(x)); }
  static void Store(float* p, F x, int64_t n) { _mm512_mask_storeu_ps(p, First(n), x); }
  static void Store(uint16_t* p, F x, int64_t n) { _mm256_mask_storeu_epi16(p, First(n), ToHalf(x)); }
  // a·b + c
  static F Fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  // The larger; b where either is NaN.
  static F Max(F a, F b) { return _mm512_max_ps(a, b); }
  static F Sqrt(F x) { return _mm512_sqrt_ps(x); }
  // x·2^n for a whole n
  static F Scale(F x, F n) { return _mm512_scalef_ps(x, n); }

  // rows[i][j] ↔ rows[j][i]
  static void Transpose(F (&rows)[16]) {
    F t[16];
    for (int i = 0; i < 16; i += 2) {
      t[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
      t[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
      rows[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
      rows[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
      rows[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
      rows[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int i = 0; i < 4; ++i) {
      t[i] = _mm512_shuffle_f32x4(rows[i], rows[i + 4], 0x88);
      t[i + 4] = _mm512_shuffle_f32x4(rows[i], rows[i + 4], 0xdd);
      t[i + 8] = _mm512_shuffle_f32x4(rows[i + 8], rows[i + 12], 0x88);
      t[i + 12] = _mm512_shuffle_f32x4(rows[i + 8], rows[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; ++i) {
      rows[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
      rows[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
      rows[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
      rows[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xdd);
    }
  }

 private:
  static __mmask16 First(int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
  static __m256i ToHalf(F x) { return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT); }
};

}  // namespace
}  // namespace mayfly::avx512
