// The matrix product with operands rounded to bf16, two of depth to a lane of a vector.
#include "math/gemm/special_kernels.h"

// Zig 0.11, which builds for musl, aborts in this file without a message.
#if defined(__x86_64__) && defined(__linux__) && (defined(__clang__) ? __clang_major__ >= 9 : __GNUC__ >= 10) && \
    !defined(MAYFLY_WITHOUT_AVX512_BF16)

#include <cpuid.h>

#include "math/simd/intrinsics.h"
#include "math/simd/isa.h"
#include "math/simd/target.h"

MAYFLY_BEGIN_TARGET(MAYFLY_AVX512 ",avx512bf16")

#include "math/gemm/gemm_loops.h"
#include "math/gemm/strip_block.h"

namespace mayfly::avx512bf16 {
namespace {

using avx512::BlockPart;
using avx512::kBlock;
using avx512::LoadBlock;
using avx512::Simd;

constexpr int kPair = 2;
constexpr int kDepth = 640;  // with 512 columns of B: 640 KiB
constexpr int kColumns = Simd::kGemmVectors * Simd::kWidth;

// Every lane holds a pair of bf16; a sum takes both products of a pair.
template <int kLaneStride, int kDepthStride>
struct PairOrder {
  static constexpr int kLane = kLaneStride, kDepth = kDepthStride, kStep = kPair;
  static Simd::F MultiplyAdd(Simd::F a, Simd::F b, Simd::F sum) {
    return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
  }
};

// bf16 of x and y in turn.
__m512i Interleave(Simd::F x, Simd::F y) {
  alignas(64) static constexpr uint16_t kOrder[] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                    8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(kOrder), reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(y, x)));
}

// bf16 of the next 32 depths of a lane, zeros beyond `depth`.
template <class T>
__m512i PairsOf(const T* lane, int64_t depth) {
  const Simd::F low = LoadUpTo<Simd>(lane, depth);
  const Simd::F high = depth > kBlock ? LoadUpTo<Simd>(lane + kBlock, depth - kBlock) : Simd::Zero();
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

// panel[p / 2][lane] = bf16 of (strip(lane, p), strip(lane, p + 1)), where depth is contiguous.
template <int kLanes, class T>
void TransposePairs(const GemmStrip& strip, const T* data, uint32_t* panel) {
  for (int64_t p = 0; p < strip.depth; p += kPair * kBlock) {
    const int64_t depth = strip.depth - p, pairs = BlockPart((depth + 1) / kPair);
    for (int first = 0; first < kLanes; first += kBlock) {
      Simd::F block[kBlock];
      for (int i = 0; i < kBlock; ++i) {
        const T* lane = data + (first + i) * strip.lane_stride + p;
        block[i] = first + i < strip.lanes ? _mm512_castsi512_ps(PairsOf(lane, depth)) : Simd::Zero();
      }
      Simd::Transpose(block);
      uint32_t* to = panel + p / kPair * kLanes + first;
      for (int64_t i = 0; i < pairs; ++i) _mm512_storeu_ps(to + i * kLanes, block[i]);
    }
  }
}

// The same where lanes are contiguous.
template <int kLanes, class T>
void InterleavePairs(const GemmStrip& strip, const T* data, uint32_t* panel) {
  const auto load = [&](int64_t p, int lane) {
    const bool used = p < strip.depth && lane < strip.lanes;
    return used ? LoadUpTo<Simd>(data + p * strip.depth_stride + lane, strip.lanes - lane) : Simd::Zero();
  };
  for (int64_t p = 0; p < strip.depth; p += kPair) {
    for (int lane = 0; lane < kLanes; lane += kBlock) {
      _mm512_storeu_si512(panel + p / kPair * kLanes + lane, Interleave(load(p, lane), load(p + 1, lane)));
    }
  }
}

template <int kLanes>
void PackPairs(const GemmStrip& whole, void* panel) {
  auto* to = static_cast<uint32_t*>(panel);
  GemmStrip strip = whole;
  if (strip.lanes > kLanes) strip.lanes = kLanes;
  if (strip.depth_stride == 1) {
    if (strip.half) return TransposePairs<kLanes>(strip, static_cast<const uint16_t*>(strip.data), to);
    return TransposePairs<kLanes>(strip, static_cast<const float*>(strip.data), to);
  }
  if (strip.lane_stride == 1) {
    if (strip.half) return InterleavePairs<kLanes>(strip, static_cast<const uint16_t*>(strip.data), to);
    return InterleavePairs<kLanes>(strip, static_cast<const float*>(strip.data), to);
  }
  for (int64_t p = 0; p < strip.depth; p += kBlock) {
    const int64_t pairs = (BlockPart(strip.depth - p) + 1) / kPair;
    for (int lane = 0; lane < kLanes; lane += kBlock) {
      Simd::F depths[kBlock];
      LoadBlock<false>(strip, lane, p, depths);
      for (int64_t i = 0; i < pairs; ++i) {
        _mm512_storeu_si512(to + (p / kPair + i) * kLanes + lane, Interleave(depths[kPair * i], depths[kPair * i + 1]));
      }
    }
  }
}

// panel[lane · kDepth + p] = bf16 of strip(lane, p)
template <class T>
void PackLanes(const GemmStrip& strip, const T* data, uint16_t* panel) {
  static_assert(kDepth % (kPair * kBlock) == 0, "a store must not reach into the next lane");
  for (int lane = 0; lane < Simd::kGemmRows; ++lane) {
    const T* row = data + lane * strip.lane_stride;
    for (int64_t p = 0; p < strip.depth; p += kPair * kBlock) {
      // The next panel: it is packed after this one is multiplied.
      __builtin_prefetch(row + Simd::kGemmRows * strip.lane_stride + p);
      const __m512i pairs = lane < strip.lanes ? PairsOf(row + p, strip.depth - p) : _mm512_setzero_si512();
      _mm512_storeu_si512(panel + lane * kDepth + p, pairs);
    }
  }
}

void PackLanes(const GemmStrip& strip, void* panel) {
  auto* to = static_cast<uint16_t*>(panel);
  if (strip.half) return PackLanes(strip, static_cast<const uint16_t*>(strip.data), to);
  PackLanes(strip, static_cast<const float*>(strip.data), to);
}

const GemmKernel kKernel = {Simd::kGemmRows,
                            kColumns,
                            sizeof(uint16_t),
                            kPair,
                            kDepth,
                            kDepth,
                            PackPairs<kColumns>,
                            MakeRowForm<Simd, PairOrder<1, Simd::kGemmRows>>(PackPairs<Simd::kGemmRows>),
                            MakeRowForm<Simd, PairOrder<kDepth / kPair, 1>>(PackLanes),
                            StoreTile<Simd>,
                            nullptr,
                            nullptr,
                            nullptr};

}  // namespace
}  // namespace mayfly::avx512bf16

MAYFLY_END_TARGET

namespace mayfly::avx512bf16 {
namespace {

bool IsAmdSinceZen4() {
  constexpr uint32_t kAuthenticAmd[] = {0x68747541, 0x69746e65, 0x444d4163};  // leaf 0: EBX, EDX, ECX
  constexpr uint32_t kZen4Family = 0x19;
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx)) return false;
  if (ebx != kAuthenticAmd[0] || edx != kAuthenticAmd[1] || ecx != kAuthenticAmd[2]) return false;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return false;
  return (eax >> 8 & 0xf) + (eax >> 20 & 0xff) >= kZen4Family;
}

}  // namespace

const GemmKernel* FastKernel() {
  static const bool fast = HasAvx512Bf16() && IsAmdSinceZen4();
  return fast ? &kKernel : nullptr;
}

}  // namespace mayfly::avx512bf16

#else

namespace mayfly::avx512bf16 {

const GemmKernel* FastKernel() { return nullptr; }

}  // namespace mayfly::avx512bf16

#endif
