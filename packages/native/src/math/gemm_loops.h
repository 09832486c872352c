// The kernel of the matrix product in fp32 vectors, once for every instruction set: packing, register block, store.
#pragma once

#include <cstdint>

#include "math/gemm_kernel.h"

#ifdef __clang__
#define MAYFLY_UNROLL _Pragma("clang loop unroll(full)")
#else
#define MAYFLY_UNROLL _Pragma("GCC unroll 16")
#endif

namespace mayfly {

template <class S, int kLanes, class T>
void PackPanel(const GemmStrip& strip, const T* from, float* panel) {
  constexpr int kWidth = S::kWidth;
  static_assert(kLanes <= kWidth || kLanes % kWidth == 0, "a store must not reach over lanes of the next depth");
  const int64_t lanes = strip.lanes < kLanes ? strip.lanes : kLanes;
  if (strip.lane_stride == 1) {
    for (int lane = 0; lane < kLanes; lane += kWidth) {
      const int64_t left = strip.lanes - lane;
      const T* row = from + lane;
      float* to = panel + lane;
      if (left >= kWidth) {
        for (int64_t p = 0; p < strip.depth; ++p) S::Store(to + p * kLanes, S::Load(row + p * strip.depth_stride));
      } else {
        const int64_t count = left > 0 ? left : 0;
        for (int64_t p = 0; p < strip.depth; ++p) {
          S::Store(to + p * kLanes, count > 0 ? S::Load(row + p * strip.depth_stride, count) : S::Zero());
        }
      }
    }
  } else if (strip.depth_stride == 1) {
    for (int64_t p = 0; p < strip.depth; p += kWidth) {
      const int64_t depth = strip.depth - p < kWidth ? strip.depth - p : kWidth;
      for (int lane = 0; lane < kLanes; lane += kWidth) {
        typename S::F block[kWidth];
        MAYFLY_UNROLL
        for (int i = 0; i < kWidth; ++i) {
          if (lane + i >= kLanes) {
            block[i] = S::Zero();
            continue;
          }
          const T* row = from + (lane + i) * strip.lane_stride + p;
          // The panel after this one, packed once this one is multiplied.
          if (kLanes < 2 * kWidth) __builtin_prefetch(row + kLanes * strip.lane_stride);
          block[i] = lane + i >= lanes ? S::Zero() : depth == kWidth ? S::Load(row) : S::Load(row, depth);
        }
        S::Transpose(block);
        for (int64_t i = 0; i < depth; ++i) S::Store(panel + (p + i) * kLanes + lane, block[i]);
      }
    }
  } else {
    for (int64_t p = 0; p < strip.depth; ++p) {
      float values[kLanes < kWidth ? kWidth : kLanes] = {};
      for (int64_t lane = 0; lane < lanes; ++lane) {
        S::Store(values + lane, S::Load(from + lane * strip.lane_stride + p * strip.depth_stride, 1), 1);
      }
      for (int lane = 0; lane < kLanes; lane += kWidth) S::Store(panel + p * kLanes + lane, S::Load(values + lane));
    }
  }
}

template <class S, int kLanes>
void PackPanel(const GemmStrip& strip, void* panel) {
  if (strip.half) {
    PackPanel<S, kLanes>(strip, static_cast<const uint16_t*>(strip.data), static_cast<float*>(panel));
  } else {
    PackPanel<S, kLanes>(strip, static_cast<const float*>(strip.data), static_cast<float*>(panel));
  }
}

// The first kRows rows and kVectors vectors of a tile, in registers.
template <class S, int kRows, int kVectors>
void MultiplyBlock(int64_t k, const float* a, const float* b, float* tile, bool resume) {
  constexpr int kColumns = S::kGemmVectors * S::kWidth;
  typename S::F sum[kRows][kVectors];
  MAYFLY_UNROLL
  for (int r = 0; r < kRows; ++r) {
    MAYFLY_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[r][v] = resume ? S::Load(tile + r * kColumns + v * S::kWidth) : S::Zero();
  }
  for (int64_t p = 0; p < k; ++p) {
    typename S::F columns[kVectors];
    MAYFLY_UNROLL
    for (int v = 0; v < kVectors; ++v) columns[v] = S::Load(b + v * S::kWidth);
    MAYFLY_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const typename S::F row = S::Set(a[r]);
      MAYFLY_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[r][v] = S::Fma(row, columns[v], sum[r][v]);
    }
    a += S::kGemmRows;
    b += kColumns;
  }
  MAYFLY_UNROLL
  for (int r = 0; r < kRows; ++r) {
    MAYFLY_UNROLL
    for (int v = 0; v < kVectors; ++v) S::Store(tile + r * kColumns + v * S::kWidth, sum[r][v]);
  }
}

template <class S>
void MultiplyTile(int64_t k, const void* a_panel, const void* b_panel, float* tile, bool resume, int64_t used_rows,
                  int64_t used_columns) {
  const auto *a = static_cast<const float*>(a_panel), *b = static_cast<const float*>(b_panel);
  constexpr int kFew = S::kGemmRows < 4 ? S::kGemmRows : 4;
  if (used_columns > S::kWidth) {
    const auto block = used_rows > kFew ? MultiplyBlock<S, S::kGemmRows, S::kGemmVectors>
                       : used_rows > 1  ? MultiplyBlock<S, kFew, S::kGemmVectors>
                                        : MultiplyBlock<S, 1, S::kGemmVectors>;
    return block(k, a, b, tile, resume);
  }
  const auto block = used_rows > kFew ? MultiplyBlock<S, S::kGemmRows, 1>
                     : used_rows > 1  ? MultiplyBlock<S, kFew, 1>
                                      : MultiplyBlock<S, 1, 1>;
  block(k, a, b, tile, resume);
}

template <class S, class T>
void StoreTile(const float* tile, const GemmTarget& target, T* c) {
  constexpr int kColumns = S::kGemmVectors * S::kWidth;
  const typename S::F alpha = S::Set(target.alpha);
  const typename S::F beta = S::Set(target.beta);
  for (int64_t r = 0; r < target.rows; ++r) {
    const float* from = tile + r * kColumns;
    T* to = c + r * target.row_stride;
    for (int64_t j = 0; j < target.columns; j += S::kWidth) {
      const int64_t left = target.columns - j;
      typename S::F value = alpha * S::Load(from + j);
      if (left >= S::kWidth) {
        if (target.beta != 0) value = S::Fma(beta, S::Load(to + j), value);
        S::Store(to + j, value);
      } else {
        if (target.beta != 0) value = S::Fma(beta, S::Load(to + j, left), value);
        S::Store(to + j, value, left);
      }
    }
  }
}

template <class S>
void StoreTile(const float* tile, const GemmTarget& target) {
  if (target.half) {
    StoreTile<S>(tile, target, static_cast<uint16_t*>(target.c));
  } else {
    StoreTile<S>(tile, target, static_cast<float*>(target.c));
  }
}

template <class S>
constexpr GemmKernel MakeGemmKernel() {
  constexpr int kColumns = S::kGemmVectors * S::kWidth;
  constexpr int kDepth = 320;  // with 512 columns of B: 640 KiB
  static_assert(S::kWidth * sizeof(float) <= kPanelSlack);
  return {S::kGemmRows,
          kColumns,
          sizeof(float),
          1,
          kDepth,
          kDepth,
          PackPanel<S, S::kGemmRows>,
          PackPanel<S, kColumns>,
          MultiplyTile<S>,
          StoreTile<S>,
          nullptr,
          nullptr,
          nullptr};
}

}  // namespace mayfly
