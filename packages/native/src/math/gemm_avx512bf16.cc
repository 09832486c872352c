// The matrix product with operands rounded to bf16, two of depth to a lane of a vector.
#include "math/gemm_bf16.h"

#if defined(__AVX512BF16__)

#include "math/gemm_loops.h"
#include "math/strip_block.h"

namespace mayfly::avx512 {
namespace {

// Every lane holds a pair of bf16; a sum takes both products of a pair.
struct PairSimd : Simd {
  static F Fma(F a, F b, F c) {
    return _mm512_dpbf16_ps(c, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
};

constexpr int kPair = 2;
constexpr int kColumns = Simd::kGemmVectors * Simd::kWidth;

// panel[p / 2][lane] = bf16 of (strip(lane, p), strip(lane, p + 1))
template <int kLanes>
void PackPairs(const GemmStrip& whole, void* panel) {
  auto* to = static_cast<uint32_t*>(panel);
  GemmStrip strip = whole;
  if (strip.lanes > kLanes) strip.lanes = kLanes;
  for (int64_t p = 0; p < strip.depth; p += kBlock) {
    const int64_t pairs = (BlockPart(strip.depth - p) + 1) / kPair;
    for (int lane = 0; lane < kLanes; lane += kBlock) {
      Simd::F depths[kBlock];
      LoadBlock<false>(strip, lane, p, depths);
      for (int64_t i = 0; i < pairs; ++i) {
        const __m512i even = _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(depths[kPair * i])));
        const __m512i odd = _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(depths[kPair * i + 1])));
        _mm512_storeu_si512(to + (p / kPair + i) * kLanes + lane, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
      }
    }
  }
}

void Multiply(int64_t depth, const void* a, const void* b, float* tile, bool resume, int64_t used_rows,
              int64_t used_columns) {
  MultiplyTile<PairSimd>((depth + 1) / kPair, a, b, tile, resume, used_rows, used_columns);
}

constexpr int kDepth = 640;

const GemmKernel kKernel = {
    Simd::kGemmRows,      kColumns, sizeof(uint16_t), kPair,   kDepth,  kDepth, PackPairs<Simd::kGemmRows>,
    PackPairs<kColumns>, Multiply, StoreTile<Simd>,  nullptr, nullptr, nullptr};

}  // namespace

const GemmKernel* Bf16Kernel() { return &kKernel; }

}  // namespace mayfly::avx512

#else

namespace mayfly::avx512 {

const GemmKernel* Bf16Kernel() { return nullptr; }

}  // namespace mayfly::avx512

#endif
