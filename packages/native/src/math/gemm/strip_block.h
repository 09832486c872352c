// Reads 16 × 16 elements of an operand, whatever its strides. Include it between MAYFLY_BEGIN_TARGET and
// MAYFLY_END_TARGET.
#pragma once

#include "math/gemm/gemm_kernel.h"
#include "math/simd/avx512.h"

namespace mayfly::avx512 {
namespace {

constexpr int kBlock = Simd::kWidth;

int64_t BlockPart(int64_t left) { return left < 0 ? 0 : left < kBlock ? left : kBlock; }

// block[i][j] = strip(lane + i, p + j) with kByLane, else strip(lane + j, p + i). Zeros outside the strip.
template <bool kByLane, class T>
void LoadBlock(const GemmStrip& strip, const T* data, int64_t lane, int64_t p, Simd::F (&block)[kBlock]) {
  const T* from = data + lane * strip.lane_stride + p * strip.depth_stride;
  const int64_t lanes = BlockPart(strip.lanes - lane), depth = BlockPart(strip.depth - p);
  const auto load_rows = [&](int64_t rows, int64_t stride, int64_t length) {
    if (rows == kBlock && length == kBlock) {
      for (int64_t i = 0; i < kBlock; ++i) block[i] = Simd::Load(from + i * stride);
      return;
    }
    for (int64_t i = 0; i < kBlock; ++i) {
      const T* row = from + i * stride;
      block[i] = i >= rows ? Simd::Zero() : length == kBlock ? Simd::Load(row) : Simd::Load(row, length);
    }
  };
  if (strip.depth_stride == 1) {
    load_rows(lanes, strip.lane_stride, depth);
    if (!kByLane) Simd::Transpose(block);
  } else if (strip.lane_stride == 1) {
    load_rows(depth, strip.depth_stride, lanes);
    if (kByLane) Simd::Transpose(block);
  } else {
    float values[kBlock][kBlock] = {};
    for (int64_t i = 0; i < lanes; ++i) {
      for (int64_t j = 0; j < depth; ++j) {
        const Simd::F value = Simd::Load(from + i * strip.lane_stride + j * strip.depth_stride, 1);
        Simd::Store(kByLane ? &values[i][j] : &values[j][i], value, 1);
      }
    }
    for (int64_t i = 0; i < kBlock; ++i) block[i] = Simd::Load(values[i]);
  }
}

template <bool kByLane>
void LoadBlock(const GemmStrip& strip, int64_t lane, int64_t p, Simd::F (&block)[kBlock]) {
  if (strip.half) {
    LoadBlock<kByLane>(strip, static_cast<const uint16_t*>(strip.data), lane, p, block);
  } else {
    LoadBlock<kByLane>(strip, static_cast<const float*>(strip.data), lane, p, block);
  }
}

}  // namespace
}  // namespace mayfly::avx512
