// RMSNorm over a range of columns. Templates on the vectors S of an instruction set.
#pragma once

#include <cstdint>

#include "math/host/vector_loops.h"
#include "math/simd/vector_math.h"

namespace mayfly {

template <class S, class Out>
void ResidualNormColumns(const ResidualNormArgs& args, Out* out, int64_t begin, int64_t end) {
  using F = typename S::F;
  for (int64_t first = begin; first < end; first += kNormColumns) {
    const int64_t count = end - first < kNormColumns ? end - first : kNormColumns;
    const auto residual = [&](const float* x, int64_t d, int64_t n) {
      const F value = LoadUpTo<S>(x + d * args.columns + first + n, count - n);
      if (args.addend == nullptr) return value;
      return value + LoadUpTo<S>(args.addend + d * args.addend_stride + first + n, count - n);
    };
    float scale[kNormColumns] = {};
    for (int64_t d = 0; d < args.dim; ++d) {
      for (int64_t n = 0; n < count; n += S::kWidth) {
        const F value = residual(args.x, d, n);
        if (args.sum != nullptr) StoreUpTo<S>(args.sum + d * args.columns + first + n, value, count - n);
        S::Store(scale + n, S::Fma(value, value, S::Load(scale + n)));
      }
    }
    if (out == nullptr) continue;
    for (int64_t n = 0; n < kNormColumns; n += S::kWidth) {
      const F mean = S::Load(scale + n) / S::Set(static_cast<float>(args.dim));
      S::Store(scale + n, S::Set(1.0f) / S::Sqrt(mean + S::Set(args.eps)));
    }
    for (int64_t d = 0; d < args.dim; ++d) {
      const F weight = S::Set(args.weight[d]);
      for (int64_t n = 0; n < count; n += S::kWidth) {
        const F value = args.sum == nullptr ? residual(args.x, d, n)
                                            : LoadUpTo<S>(args.sum + d * args.columns + first + n, count - n);
        StoreUpTo<S>(out + d * args.out.row_stride + first + n, value * S::Load(scale + n) * weight, count - n);
      }
    }
  }
}

template <class S>
void ResidualNormColumns(const ResidualNormArgs& args, int64_t begin, int64_t end) {
  if (args.out.dtype == DType::kFp16) {
    ResidualNormColumns<S>(args, static_cast<uint16_t*>(args.out.data), begin, end);
  } else {
    ResidualNormColumns<S>(args, static_cast<float*>(args.out.data), begin, end);
  }
}

template <class S, class X, class D>
void NormBackwardColumns(const NormBackwardArgs& args, const X* x, const D* d_out, float* d_weight, int64_t first,
                         int64_t count) {
  using F = typename S::F;
  float scale[kNormColumns] = {}, pull[kNormColumns] = {};
  for (int64_t d = 0; d < args.dim; ++d) {
    const F weight = S::Set(args.weight[d]);
    for (int64_t n = 0; n < count; n += S::kWidth) {
      const F value = LoadUpTo<S>(x + d * args.x.row_stride + first + n, count - n);
      const F gradient = weight * LoadUpTo<S>(d_out + d * args.d_out.row_stride + first + n, count - n);
      S::Store(scale + n, S::Fma(value, value, S::Load(scale + n)));
      S::Store(pull + n, S::Fma(gradient, value, S::Load(pull + n)));
    }
  }
  const F dim = S::Set(static_cast<float>(args.dim));
  for (int64_t n = 0; n < kNormColumns; n += S::kWidth) {
    const F r = S::Set(1.0f) / S::Sqrt(S::Load(scale + n) / dim + S::Set(args.eps));
    S::Store(scale + n, r);
    S::Store(pull + n, r * r * r * (S::Load(pull + n) / dim));
  }
  for (int64_t d = 0; d < args.dim; ++d) {
    const F weight = S::Set(args.weight[d]);
    F sum = S::Zero();
    for (int64_t n = 0; n < count; n += S::kWidth) {
      const F value = LoadUpTo<S>(x + d * args.x.row_stride + first + n, count - n);
      const F scaled = S::Load(scale + n) * LoadUpTo<S>(d_out + d * args.d_out.row_stride + first + n, count - n);
      sum = S::Fma(scaled, value, sum);
      float* dx = args.dx + d * args.columns + first + n;
      const F total = LoadUpTo<S>(dx, count - n) + (weight * scaled - value * S::Load(pull + n));
      StoreUpTo<S>(dx, total, count - n);
      if (args.out != nullptr) StoreUpTo<S>(args.out + d * args.out_stride + first + n, total, count - n);
    }
    d_weight[d] = SumLanes<S>(sum);
  }
}

// Columns [first, first + count), at most kNormColumns; their part of the weights' gradient goes to d_weight[dim].
template <class S>
void NormBackwardColumns(const NormBackwardArgs& args, float* d_weight, int64_t first, int64_t count) {
  const bool half_x = args.x.dtype == DType::kFp16, half_d = args.d_out.dtype == DType::kFp16;
  const auto* x16 = static_cast<const uint16_t*>(args.x.data);
  const auto* x32 = static_cast<const float*>(args.x.data);
  const auto* d16 = static_cast<const uint16_t*>(args.d_out.data);
  const auto* d32 = static_cast<const float*>(args.d_out.data);
  if (half_x && half_d) return NormBackwardColumns<S>(args, x16, d16, d_weight, first, count);
  if (half_x) return NormBackwardColumns<S>(args, x16, d32, d_weight, first, count);
  if (half_d) return NormBackwardColumns<S>(args, x32, d16, d_weight, first, count);
  NormBackwardColumns<S>(args, x32, d32, d_weight, first, count);
}

}  // namespace mayfly
