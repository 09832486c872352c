// Packs operands into panels of fp32. Templates on the vectors S of an instruction set.
#pragma once

#include <cstdint>

#include "math/gemm/gemm_kernel.h"
#include "math/simd/vector_math.h"

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

// A's rows one after the other, kDepth long: where their depth is contiguous, this needs no transposition.
template <class S, int kDepth, class T>
void PackLanes(const GemmStrip& strip, const T* from, float* panel) {
  static_assert(kDepth % S::kWidth == 0, "a store must not reach into the next lane");
  for (int lane = 0; lane < S::kGemmRows; ++lane) {
    const T* row = from + lane * strip.lane_stride;
    float* to = panel + lane * kDepth;
    for (int64_t p = 0; p < strip.depth; p += S::kWidth) {
      // The next panel: it is packed after this one is multiplied.
      __builtin_prefetch(row + S::kGemmRows * strip.lane_stride + p);
      S::Store(to + p, lane < strip.lanes ? LoadUpTo<S>(row + p, strip.depth - p) : S::Zero());
    }
  }
}

template <class S, int kDepth>
void PackLanes(const GemmStrip& strip, void* panel) {
  if (strip.half) {
    PackLanes<S, kDepth>(strip, static_cast<const uint16_t*>(strip.data), static_cast<float*>(panel));
  } else {
    PackLanes<S, kDepth>(strip, static_cast<const float*>(strip.data), static_cast<float*>(panel));
  }
}

}  // namespace mayfly
