// NEON on arm64: vectors of 4 floats.
#if defined(__aarch64__)

#include <arm_neon.h>

#include <cstdint>

#include "loops/loops.h"
#include "loops/make_loops.h"

namespace mayfly::neon {
namespace {

struct Simd {
  using F = float32x4_t;
  static constexpr int kWidth = 4;
  static constexpr bool kFusedMultiplyAdd = true;  // Fma rounds once
  // Register block of the matrix product: 24 accumulators of 32 registers.
  static constexpr int kGemmRows = 8;
  static constexpr int kGemmVectors = 3;

  static F Zero() { return vdupq_n_f32(0); }
  static F Set(float x) { return vdupq_n_f32(x); }
  static F Load(const float* p) { return vld1q_f32(p); }
  static F Load(const uint16_t* p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }
  // The first n of kWidth elements; the others read as zero and are not touched.
  static F Load(const float* p, int64_t n) {
    float whole[4] = {};
    for (int64_t i = 0; i < n; ++i) whole[i] = p[i];
    return Load(whole);
  }
  static F Load(const uint16_t* p, int64_t n) {
    uint16_t whole[4] = {};
    for (int64_t i = 0; i < n; ++i) whole[i] = p[i];
    return Load(whole);
  }
  static void Store(float* p, F x) { vst1q_f32(p, x); }
  static void Store(uint16_t* p, F x) { vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x))); }
  static void Store(float* p, F x, int64_t n) {
    float whole[4];
    Store(whole, x);
    for (int64_t i = 0; i < n; ++i) p[i] = whole[i];
  }
  static void Store(uint16_t* p, F x, int64_t n) {
    uint16_t whole[4];
    Store(whole, x);
    for (int64_t i = 0; i < n; ++i) p[i] = whole[i];
  }
  // a·b + c
  static F Fma(F a, F b, F c) { return vfmaq_f32(c, a, b); }
  // The larger; NaN where b is.
  static F Max(F a, F b) { return vmaxq_f32(a, b); }
  static F Sqrt(F x) { return vsqrtq_f32(x); }
  // x·2^n for a whole n from -126 to 127
  static F Scale(F x, F n) {
    const int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
    return vmulq_f32(x, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
  }

  // rows[i][j] ↔ rows[j][i]
  static void Transpose(F (&rows)[4]) {
    const float32x4x2_t low = vtrnq_f32(rows[0], rows[1]);
    const float32x4x2_t high = vtrnq_f32(rows[2], rows[3]);
    rows[0] = vcombine_f32(vget_low_f32(low.val[0]), vget_low_f32(high.val[0]));
    rows[1] = vcombine_f32(vget_low_f32(low.val[1]), vget_low_f32(high.val[1]));
    rows[2] = vcombine_f32(vget_high_f32(low.val[0]), vget_high_f32(high.val[0]));
    rows[3] = vcombine_f32(vget_high_f32(low.val[1]), vget_high_f32(high.val[1]));
  }
};

}  // namespace

extern const Loops kLoops = MakeLoops<Simd>();

}  // namespace mayfly::neon

#endif
