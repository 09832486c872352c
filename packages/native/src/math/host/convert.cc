#include "math/host/convert.h"

#include <algorithm>
#include <cstring>

#include "math/host/vector_loops.h"

namespace mayfly {
namespace {

// Rows of so many elements that are worth a thread's while.
int64_t RowGrain(int64_t columns) { return std::max<int64_t>(1, 32768 / std::max<int64_t>(columns, 1)); }

}  // namespace

void ToHalf(const ToHalfArgs& args, ThreadPool& pool) {
  const VectorLoops& loops = CurrentLoops();
  if (!args.transpose) {
    return pool.ParallelFor(args.rows, RowGrain(args.columns), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) {
        loops.float_to_half(args.from + r * args.from_stride, args.to + r * args.to_stride, args.columns);
      }
    });
  }
  const int64_t groups = (args.rows + kTransposeRows - 1) / kTransposeRows;
  pool.ParallelFor(groups, RowGrain(args.columns * kTransposeRows), [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group) {
      const float* rows[kTransposeRows];
      const int64_t first = group * kTransposeRows, count = std::min(kTransposeRows, args.rows - first);
      for (int64_t i = 0; i < count; ++i) rows[i] = args.from + (first + i) * args.from_stride;
      loops.transpose_to_half(rows, count, args.columns, args.to + first, args.to_stride);
    }
  });
}

void ToFloat(const uint16_t* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows, int64_t columns,
             ThreadPool& pool) {
  const VectorLoops& loops = CurrentLoops();
  pool.ParallelFor(rows, RowGrain(columns), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) loops.half_to_float(from + r * from_stride, to + r * to_stride, columns);
  });
}

void CopyRows(const uint8_t* from, int64_t from_stride, uint8_t* to, int64_t to_stride, int64_t rows, int64_t row_bytes,
              ThreadPool& pool) {
  pool.ParallelFor(rows, RowGrain(row_bytes / 4), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) std::memcpy(to + r * to_stride, from + r * from_stride, row_bytes);
  });
}

void Zero(uint8_t* to, int64_t bytes, ThreadPool& pool) {
  pool.ParallelFor(bytes, 1 << 18, [&](int64_t begin, int64_t end) { std::memset(to + begin, 0, end - begin); });
}

}  // namespace mayfly
