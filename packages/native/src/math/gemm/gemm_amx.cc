// Products of tiles of 16 rows of 64 bytes. Layouts and order of instructions after Intel's "Optimization Reference
// Manual", chapter on AMX: two tiles of A by two tiles of B, four accumulators.
#include "math/gemm/special_kernels.h"

#if defined(__x86_64__) && defined(__linux__) && (defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11)

#include "math/simd/intrinsics.h"
#include "math/simd/target.h"

// The model of tiles has fp16, too, whatever the compiler knows.
#if defined(MAYFLY_TILE_MODEL)
#define MAYFLY_HAS_AMX_FP16
#define MAYFLY_AMX "avx512bf16"
#elif defined(__clang__) ? __clang_major__ >= 16 : __GNUC__ >= 13
#define MAYFLY_HAS_AMX_FP16
#define MAYFLY_AMX "avx512bf16,amx-tile,amx-bf16,amx-fp16"
#else
#define MAYFLY_AMX "avx512bf16,amx-tile,amx-bf16"
#endif

MAYFLY_BEGIN_TARGET(MAYFLY_AVX512 "," MAYFLY_AMX)

#include "math/gemm/gemm_loops.h"
#include "math/gemm/strip_block.h"

namespace mayfly::amx {
namespace {

using avx512::kBlock;
using avx512::LoadBlock;
using avx512::Simd;

constexpr int kTileRows = 16, kTileBytes = 1024, kRowBytes = 64;
constexpr int kTiles = 2;                  // of A and of B in a panel's step
constexpr int kSide = kTiles * kTileRows;  // rows and columns of a tile of C
constexpr int kStep = 32;                  // depth of a tile of A or B
constexpr int kNotFinite = 0x99;           // classes of floats: both infinities, quiet and signalling NaN

struct alignas(64) TileConfig {
  uint8_t palette = 1;
  uint8_t start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileConfig) == 64);
const TileConfig kConfig;

void Enter() { _tile_loadconfig(&kConfig); }
void Leave() { _tile_release(); }

// An operand in kParts bf16 of falling size, whose sum it is, or nearly.
template <int kParts>
struct Bf16Format {
  static constexpr int kCount = kParts;

  // The leading bf16 of both; x and y become what is left: zero for infinities and NaN, which have no remainder.
  static __m512i Take(Simd::F* x, Simd::F* y) {
    const auto words = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(*y, *x));
    if (kParts > 1) {
      *x = Remainder(*x, _mm512_castsi512_si256(words));
      *y = Remainder(*y, _mm512_extracti64x4_epi64(words, 1));
    }
    return words;
  }

 private:
  static Simd::F Remainder(Simd::F x, __m256i words) {
    const Simd::F rest = x - _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(words), 16));
    return _mm512_maskz_mov_ps(_knot_mask16(_mm512_fpclass_ps_mask(rest, kNotFinite)), rest);
  }
};

// Where a row of one part of one of a step's tiles goes. A step has the tiles of its first part, then of its second …
template <class Format>
uint8_t* PanelRow(void* panel, int64_t p, int part, int tile, int64_t row) {
  const int64_t index = (p / kStep * Format::kCount + part) * kTiles + tile;
  return static_cast<uint8_t*>(panel) + index * kTileBytes + row * kRowBytes;
}

// A step of PackRows where lanes are contiguous along the depth and none ends: straight from memory to the tiles.
template <class Format, class T>
void PackWholeRows(const GemmStrip& strip, const T* data, int64_t p, void* panel) {
  for (int lane = 0; lane < kSide; ++lane) {
    const T* row = data + lane * strip.lane_stride + p;
    // The next panel: it is packed after this one is multiplied.
    __builtin_prefetch(row + kSide * strip.lane_stride);
    Simd::F left = Simd::Load(row), right = Simd::Load(row + kBlock);
    for (int part = 0; part < Format::kCount; ++part) {
      _mm512_storeu_si512(PanelRow<Format>(panel, p, part, lane / kTileRows, lane % kTileRows),
                          Format::Take(&left, &right));
    }
  }
}

// Tiles of A: a row of 32 elements of depth for each lane.
template <class Format>
void PackRows(const GemmStrip& strip, void* panel) {
  const bool whole_lanes = strip.depth_stride == 1 && strip.lanes >= kSide;
  for (int64_t p = 0; p < strip.depth; p += kStep) {
    if (whole_lanes && strip.depth - p >= kStep) {
      if (strip.half) {
        PackWholeRows<Format>(strip, static_cast<const uint16_t*>(strip.data), p, panel);
      } else {
        PackWholeRows<Format>(strip, static_cast<const float*>(strip.data), p, panel);
      }
      continue;
    }
    for (int tile = 0; tile < kTiles; ++tile) {
      Simd::F left[kBlock], right[kBlock];
      LoadBlock<true>(strip, tile * kTileRows, p, left);
      LoadBlock<true>(strip, tile * kTileRows, p + kBlock, right);
      for (int i = 0; i < kBlock; ++i) {
        for (int part = 0; part < Format::kCount; ++part) {
          _mm512_storeu_si512(PanelRow<Format>(panel, p, part, tile, i), Format::Take(&left[i], &right[i]));
        }
      }
    }
  }
}

// The elements of two depths side by side, lane by lane.
__m512i Interleave(__m512i words) {
  constexpr auto kEven = [] {
    struct {
      uint16_t index[32];
    } order{};
    for (int i = 0; i < 32; ++i) order.index[i] = static_cast<uint16_t>(i / 2 + i % 2 * 16);
    return order;
  }();
  return _mm512_permutexvar_epi16(_mm512_loadu_si512(kEven.index), words);
}

// Writes the rows of a tile of B for one pair of depths.
template <class Format>
void PackPair(Simd::F first, Simd::F second, int64_t p, int tile, int row, void* panel) {
  for (int part = 0; part < Format::kCount; ++part) {
    _mm512_storeu_si512(PanelRow<Format>(panel, p, part, tile, row), Interleave(Format::Take(&first, &second)));
  }
}

// A step of PackColumns where depths are contiguous along the lanes and none ends.
template <class Format, class T>
void PackWholeColumns(const GemmStrip& strip, const T* data, int64_t p, void* panel) {
  for (int row = 0; row < kStep / 2; ++row) {
    const T* from = data + (p + 2 * row) * strip.depth_stride;
    for (int tile = 0; tile < kTiles; ++tile) {
      const T* lanes = from + tile * kTileRows;
      PackPair<Format>(Simd::Load(lanes), Simd::Load(lanes + strip.depth_stride), p, tile, row, panel);
    }
  }
}

// Tiles of B: a row of 16 lanes for each pair of depths, the two elements of a lane side by side.
template <class Format>
void PackColumns(const GemmStrip& strip, void* panel) {
  const bool whole_lanes = strip.lane_stride == 1 && strip.lanes >= kSide;
  for (int64_t p = 0; p < strip.depth; p += kStep) {
    if (whole_lanes && strip.depth - p >= kStep) {
      if (strip.half) {
        PackWholeColumns<Format>(strip, static_cast<const uint16_t*>(strip.data), p, panel);
      } else {
        PackWholeColumns<Format>(strip, static_cast<const float*>(strip.data), p, panel);
      }
      continue;
    }
    for (int tile = 0; tile < kTiles; ++tile) {
      for (int half = 0; half < 2; ++half) {
        Simd::F depths[kBlock];
        LoadBlock<false>(strip, tile * kTileRows, p + half * kBlock, depths);
        for (int i = 0; i < kBlock; i += 2) {
          PackPair<Format>(depths[i], depths[i + 1], p, tile, (half * kBlock + i) / 2, panel);
        }
      }
    }
  }
}

// Tile registers: 0 to 3 accumulate C row by row, 4 and 5 hold A, 6 and 7 hold B. The intrinsics want literal numbers.
template <int kRows, int kColumns>
struct Tiles {
  static void Clear() {
    _tile_zero(0);
    if constexpr (kColumns > 1) _tile_zero(1);
    if constexpr (kRows > 1) _tile_zero(2);
    if constexpr (kRows > 1 && kColumns > 1) _tile_zero(3);
  }
  static void LoadC(const float* c) {
    _tile_loadd(0, c, kStride);
    if constexpr (kColumns > 1) _tile_loadd(1, c + kTileRows, kStride);
    if constexpr (kRows > 1) _tile_loadd(2, c + kLower, kStride);
    if constexpr (kRows > 1 && kColumns > 1) _tile_loadd(3, c + kLower + kTileRows, kStride);
  }
  static void StoreC(float* c) {
    _tile_stored(0, c, kStride);
    if constexpr (kColumns > 1) _tile_stored(1, c + kTileRows, kStride);
    if constexpr (kRows > 1) _tile_stored(2, c + kLower, kStride);
    if constexpr (kRows > 1 && kColumns > 1) _tile_stored(3, c + kLower + kTileRows, kStride);
  }
  static void LoadA(const uint8_t* a) {
    _tile_loadd(4, a, kRowBytes);
    if constexpr (kRows > 1) _tile_loadd(5, a + kTileBytes, kRowBytes);
  }
  static void LoadB(const uint8_t* b) {
    _tile_loadd(6, b, kRowBytes);
    if constexpr (kColumns > 1) _tile_loadd(7, b + kTileBytes, kRowBytes);
  }
  static void MultiplyBf16() {
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (kColumns > 1) _tile_dpbf16ps(1, 4, 7);
    if constexpr (kRows > 1) _tile_dpbf16ps(2, 5, 6);
    if constexpr (kRows > 1 && kColumns > 1) _tile_dpbf16ps(3, 5, 7);
  }
#if defined(MAYFLY_HAS_AMX_FP16)
  static void MultiplyFp16() {
    _tile_dpfp16ps(0, 4, 6);
    if constexpr (kColumns > 1) _tile_dpfp16ps(1, 4, 7);
    if constexpr (kRows > 1) _tile_dpfp16ps(2, 5, 6);
    if constexpr (kRows > 1 && kColumns > 1) _tile_dpfp16ps(3, 5, 7);
  }
#endif

 private:
  static constexpr int kStride = kSide * sizeof(float), kLower = kTileRows * kSide;
};

// Products of parts, small ones first; from each to the next only one operand is loaded.
struct PartPair {
  int a, b;
};
constexpr PartPair kOneProduct[] = {{0, 0}};
constexpr PartPair kFourProducts[] = {{1, 1}, {1, 0}, {0, 0}, {0, 1}};
constexpr PartPair kSixProducts[] = {{2, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 2}, {0, 0}};

template <const auto& kProducts>
struct Bf16Products {
  template <class T>
  static void Step(const uint8_t* a, const uint8_t* b) {
    PartPair loaded{-1, -1};
    MAYFLY_UNROLL
    for (const PartPair& product : kProducts) {
      if (product.a != loaded.a) T::LoadA(a + product.a * kTiles * kTileBytes);
      if (product.b != loaded.b) T::LoadB(b + product.b * kTiles * kTileBytes);
      T::MultiplyBf16();
      loaded = product;
    }
  }
};

template <class Format, class Products, class T>
void MultiplyTiles(int64_t depth, const void* a_panel, const void* b_panel, float* tile, bool resume) {
  constexpr int64_t kStepBytes = int64_t{Format::kCount} * kTiles * kTileBytes;
  const auto *a = static_cast<const uint8_t*>(a_panel), *b = static_cast<const uint8_t*>(b_panel);
  if (resume) {
    T::LoadC(tile);
  } else {
    T::Clear();
  }
  for (int64_t p = 0; p < depth; p += kStep) {
    Products::template Step<T>(a, b);
    a += kStepBytes;
    b += kStepBytes;
  }
  T::StoreC(tile);
}

template <class Format, class Products>
void Multiply(int64_t depth, const void* a, const void* b, float* tile, bool resume, int64_t used_rows,
              int64_t used_columns) {
  const bool two_rows = used_rows > kTileRows, two_columns = used_columns > kTileRows;
  const auto multiply = two_rows && two_columns ? MultiplyTiles<Format, Products, Tiles<2, 2>>
                        : two_rows              ? MultiplyTiles<Format, Products, Tiles<2, 1>>
                        : two_columns           ? MultiplyTiles<Format, Products, Tiles<1, 2>>
                                                : MultiplyTiles<Format, Products, Tiles<1, 1>>;
  multiply(depth, a, b, tile, resume);
}

bool AllFinite(const float* tile) {
  __mmask16 found = 0;
  for (int i = 0; i < kSide * kSide; i += Simd::kWidth) {
    found = _kor_mask16(found, _mm512_fpclass_ps_mask(Simd::Load(tile + i), kNotFinite));
  }
  return found == 0;
}

// Slices of a panel of A and of one of B fill up to two thirds of a first-level cache of 48 KiB, eight of its twelve
// ways; blocks of B fill half of a second-level cache of 2 MiB.
template <class Format, class Products>
constexpr GemmKernel MakeKernel(int slice, int block, bool repair) {
  return {kSide,
          kSide,
          Format::kCount * 2,
          kStep,
          block,
          slice,
          PackColumns<Format>,
          {PackRows<Format>, Multiply<Format, Products>, nullptr},
          {nullptr, nullptr, nullptr},
          StoreTile<Simd>,
          Enter,
          Leave,
          repair ? AllFinite : nullptr};
}

const GemmKernel kHalves = MakeKernel<Bf16Format<2>, Bf16Products<kFourProducts>>(128, 512, true);
const GemmKernel kFloats = MakeKernel<Bf16Format<3>, Bf16Products<kSixProducts>>(64, 384, true);
const GemmKernel kBf16 = MakeKernel<Bf16Format<1>, Bf16Products<kOneProduct>>(256, 1024, false);

#if defined(MAYFLY_HAS_AMX_FP16)
struct Fp16Format {
  static constexpr int kCount = 1;
  static __m512i Take(Simd::F* x, Simd::F* y) {
    constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT;
    const __m256i low = _mm512_cvtps_ph(*x, kNearest), high = _mm512_cvtps_ph(*y, kNearest);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
};

struct Fp16Products {
  template <class T>
  static void Step(const uint8_t* a, const uint8_t* b) {
    T::LoadA(a);
    T::LoadB(b);
    T::MultiplyFp16();
  }
};
const GemmKernel kNativeHalves = MakeKernel<Fp16Format, Fp16Products>(256, 1024, false);
constexpr const GemmKernel* kNative = &kNativeHalves;
#else
constexpr const GemmKernel* kNative = nullptr;
#endif

const Kernels kKernels = {&kHalves, &kFloats, &kBf16, kNative};

}  // namespace

const Kernels& AllKernels() { return kKernels; }

}  // namespace mayfly::amx

MAYFLY_END_TARGET

#else

namespace mayfly::amx {

const Kernels& AllKernels() {
  static const Kernels kNone{};
  return kNone;
}

}  // namespace mayfly::amx

#endif
