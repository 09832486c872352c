// The kernel of the matrix product in fp32 vectors, once for every instruction set: packing, register block, store.
#pragma once

#include <cstdint>

#include "math/gemm_kernel.h"
#include "math/vector_math.h"

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
      // The panel after this one, packed once this one is multiplied.
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

// Where the elements of a panel of A lie, and what is done with them.
template <class S, int kLaneStride, int kDepthStride>
struct FloatOrder {
  static constexpr int kLane = kLaneStride, kDepth = kDepthStride, kStep = 1;  // kStep of depth at a time
  static typename S::F MultiplyAdd(typename S::F a, typename S::F b, typename S::F sum) { return S::Fma(a, b, sum); }
};

// The first kRows rows and kVectors vectors of a tile, in registers; calls sink(row, column, sums) for each vector of it.
template <class S, class Order, int kRows, int kVectors, class Sink>
void MultiplyBlock(int64_t k, const float* a, const float* b, const float* tile, bool resume, const Sink& sink) {
  constexpr int kColumns = S::kGemmVectors * S::kWidth;
  typename S::F sum[kRows][kVectors];
  MAYFLY_UNROLL
  for (int r = 0; r < kRows; ++r) {
    MAYFLY_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[r][v] = resume ? S::Load(tile + r * kColumns + v * S::kWidth) : S::Zero();
  }
  for (int64_t p = 0; p < k; p += Order::kStep) {
    typename S::F columns[kVectors];
    MAYFLY_UNROLL
    for (int v = 0; v < kVectors; ++v) columns[v] = S::Load(b + v * S::kWidth);
    MAYFLY_UNROLL
    for (int r = 0; r < kRows; ++r) {
      const typename S::F row = S::Set(a[r * Order::kLane]);
      MAYFLY_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[r][v] = Order::MultiplyAdd(row, columns[v], sum[r][v]);
    }
    a += Order::kDepth;
    b += kColumns;
  }
  MAYFLY_UNROLL
  for (int r = 0; r < kRows; ++r) {
    MAYFLY_UNROLL
    for (int v = 0; v < kVectors; ++v) sink(r, v * S::kWidth, sum[r][v]);
  }
}

template <class S, class Order>
void MultiplyTile(int64_t k, const void* a_panel, const void* b_panel, float* tile, bool resume, int64_t used_rows,
                  int64_t used_columns) {
  const auto *a = static_cast<const float*>(a_panel), *b = static_cast<const float*>(b_panel);
  constexpr int kFew = S::kGemmRows < 4 ? S::kGemmRows : 4, kColumns = S::kGemmVectors * S::kWidth;
  const auto sink = [tile](int row, int column, typename S::F sums) { S::Store(tile + row * kColumns + column, sums); };
  using Sink = decltype(sink);
  if (used_columns > S::kWidth) {
    const auto block = used_rows > kFew ? MultiplyBlock<S, Order, S::kGemmRows, S::kGemmVectors, Sink>
                       : used_rows > 1  ? MultiplyBlock<S, Order, kFew, S::kGemmVectors, Sink>
                                        : MultiplyBlock<S, Order, 1, S::kGemmVectors, Sink>;
    return block(k, a, b, tile, resume, sink);
  }
  const auto block = used_rows > kFew ? MultiplyBlock<S, Order, S::kGemmRows, 1, Sink>
                     : used_rows > 1  ? MultiplyBlock<S, Order, kFew, 1, Sink>
                                      : MultiplyBlock<S, Order, 1, 1, Sink>;
  block(k, a, b, tile, resume, sink);
}

// The last part of a whole tile's sums goes from registers into C.
template <class S, class Order, class T, bool kAdd>
void FinishTile(int64_t k, const float* a, const float* b, const float* tile, bool resume, const GemmTarget& target) {
  const typename S::F alpha = S::Set(target.alpha), beta = S::Set(target.beta);
  T* const c = static_cast<T*>(target.c);
  const int64_t stride = target.row_stride;
  const auto sink = [=](int row, int column, typename S::F sums) {
    T* const to = c + row * stride + column;
    const typename S::F value = alpha * sums;
    S::Store(to, kAdd ? S::Fma(beta, S::Load(to), value) : value);
  };
  MultiplyBlock<S, Order, S::kGemmRows, S::kGemmVectors>(k, a, b, tile, resume, sink);
}

template <class S, class Order>
void FinishTile(int64_t k, const void* a_panel, const void* b_panel, const float* tile, bool resume,
                const GemmTarget& target) {
  const auto finish = target.half ? target.beta != 0 ? FinishTile<S, Order, uint16_t, true> : FinishTile<S, Order, uint16_t, false>
                                  : target.beta != 0 ? FinishTile<S, Order, float, true> : FinishTile<S, Order, float, false>;
  finish(k, static_cast<const float*>(a_panel), static_cast<const float*>(b_panel), tile, resume, target);
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

template <class S, class Order>
constexpr RowForm MakeRowForm(void (*pack)(const GemmStrip& strip, void* panel)) {
  return {pack, MultiplyTile<S, Order>, FinishTile<S, Order>};
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
          PackPanel<S, kColumns>,
          MakeRowForm<S, FloatOrder<S, 1, S::kGemmRows>>(PackPanel<S, S::kGemmRows>),
          MakeRowForm<S, FloatOrder<S, kDepth, 1>>(PackLanes<S, kDepth>),
          StoreTile<S>,
          nullptr,
          nullptr,
          nullptr};
}

}  // namespace mayfly
