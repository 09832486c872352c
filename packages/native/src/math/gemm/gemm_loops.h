// The kernel in fp32 vectors, as templates on the vectors S of an instruction set: register block and store.
#pragma once

#include <cstdint>

#include "math/gemm/gemm_kernel.h"
#include "math/gemm/gemm_pack_loops.h"

namespace mayfly {

// The layout of a panel of A, and the operation on its elements.
template <class S, int kLaneStride, int kDepthStride>
struct FloatOrder {
  static constexpr int kLane = kLaneStride, kDepth = kDepthStride, kStep = 1;  // kStep of depth at a time
  static typename S::F MultiplyAdd(typename S::F a, typename S::F b, typename S::F sum) { return S::Fma(a, b, sum); }
};

// Computes the first kRows rows and kVectors vectors of a tile in registers, then calls sink(row, column, sums) for
// each vector.
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

// Adds the last slice to a full tile, and stores from registers into C.
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
  const auto finish =
      target.half ? target.beta != 0 ? FinishTile<S, Order, uint16_t, true> : FinishTile<S, Order, uint16_t, false>
      : target.beta != 0 ? FinishTile<S, Order, float, true>
                         : FinishTile<S, Order, float, false>;
  finish(k, static_cast<const float*>(a_panel), static_cast<const float*>(b_panel), tile, resume, target);
}

template <class S, class T, bool kAdd>
void StoreTile(const float* tile, const GemmTarget& target, T* c) {
  constexpr int kColumns = S::kGemmVectors * S::kWidth;
  const typename S::F alpha = S::Set(target.alpha);
  const typename S::F beta = S::Set(target.beta);
  const int64_t rest = target.columns % S::kWidth, whole = target.columns - rest;
  for (int64_t r = 0; r < target.rows; ++r) {
    const float* from = tile + r * kColumns;
    T* to = c + r * target.row_stride;
    for (int64_t j = 0; j < whole; j += S::kWidth) {
      const typename S::F value = alpha * S::Load(from + j);
      S::Store(to + j, kAdd ? S::Fma(beta, S::Load(to + j), value) : value);
    }
    if (rest == 0) continue;
    const typename S::F value = alpha * S::Load(from + whole);
    S::Store(to + whole, kAdd ? S::Fma(beta, S::Load(to + whole, rest), value) : value, rest);
  }
}

template <class S, class T>
void StoreTile(const float* tile, const GemmTarget& target, T* c) {
  return target.beta != 0 ? StoreTile<S, T, true>(tile, target, c) : StoreTile<S, T, false>(tile, target, c);
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
