// A first product by every tile kernel of a process, compared with plain arithmetic.
#if defined(__x86_64__)

#include <cmath>
#include <cstdint>
#include <vector>

#include "math/gemm/special_kernels.h"
#include "math/scratch.h"
#include "math/simd/half.h"
#include "math/simd/isa.h"

namespace mayfly::amx {
namespace {

constexpr int64_t kRows = 29, kColumns = 31, kDepth = 75;  // no whole tile in any direction

// A matrix of 11-bit numbers of about 1, as fp16 and as fp32.
struct Numbers {
  Numbers(int64_t count, uint32_t seed) : floats(static_cast<size_t>(count)), halves(static_cast<size_t>(count)) {
    for (size_t i = 0; i < floats.size(); ++i) {
      seed = seed * 1664525u + 1013904223u;
      floats[i] = static_cast<float>(static_cast<int32_t>(seed >> 20) - 2048) / 1024;
      halves[i] = FloatToHalf(floats[i]);
      floats[i] = HalfToFloat(halves[i]);
    }
  }

  GemmStrip Strip(bool half, int64_t lane_stride, int64_t depth_stride, int64_t lanes) const {
    const void* data = half ? static_cast<const void*>(halves.data()) : floats.data();
    return {data, half, lane_stride, depth_stride, lanes, kDepth};
  }

  float At(int64_t index) const { return floats[static_cast<size_t>(index)]; }

  std::vector<float> floats;
  std::vector<uint16_t> halves;
};

// The largest error of any element may be `bound` times the sum of its terms' magnitudes.
bool ComputesRight(const GemmKernel& kernel, bool half, double bound) {
  const Numbers a(kRows * kDepth, 1), b(kDepth * kColumns, 2);
  const int64_t steps = (kDepth + kernel.depth_step - 1) / kernel.depth_step;
  const auto lane_bytes = static_cast<size_t>(steps * kernel.depth_step * kernel.element_bytes);
  Scratch a_panel, b_panel, tiles;
  void* rows = a_panel.Bytes(static_cast<size_t>(kernel.rows) * lane_bytes + kPanelSlack);
  void* columns = b_panel.Bytes(static_cast<size_t>(kernel.columns) * lane_bytes + kPanelSlack);
  float* tile = tiles.Floats(static_cast<size_t>(kernel.rows * kernel.columns));
  kernel.enter();
  kernel.by_depth.pack(a.Strip(half, kDepth, 1, kRows), rows);
  kernel.pack_columns(b.Strip(half, 1, kColumns, kColumns), columns);
  kernel.by_depth.multiply(kDepth, rows, columns, tile, false, kRows, kColumns);
  kernel.leave();
  for (int64_t i = 0; i < kRows; ++i) {
    for (int64_t j = 0; j < kColumns; ++j) {
      double sum = 0, size = 0;
      for (int64_t p = 0; p < kDepth; ++p) {
        const double term = static_cast<double>(a.At(i * kDepth + p)) * b.At(p * kColumns + j);
        sum += term;
        size += std::fabs(term);
      }
      if (!(std::fabs(tile[i * kernel.columns + j] - sum) <= bound * size)) return false;
    }
  }
  return true;
}

}  // namespace

bool TilesComputeRight() {
  constexpr double kFp32 = 0x1p-21, kBf16 = 0x1p-7;
  const Kernels& kernels = AllKernels();
  return ComputesRight(*kernels.halves, true, kFp32) && ComputesRight(*kernels.floats, false, kFp32) &&
         ComputesRight(*kernels.bf16, false, kBf16) &&
         (kernels.native_halves == nullptr || !HasFp16Tiles() || ComputesRight(*kernels.native_halves, true, kFp32));
}

}  // namespace mayfly::amx

#endif
