#include "math/host/convert.h"

#include <algorithm>
#include <cstring>

#include "math/host/vector_loops.h"

namespace mayfly {
namespace {

// Rows of so many elements that are worth a thread's while.
int64_t RowGrain(int64_t columns) { return std::max<int64_t>(1, 32768 / std::max<int64_t>(columns, 1)); }

// Elements that stay in the first-level cache from sum to sum.
constexpr int64_t kSummed = 1024;

// `count` elements x, which lie `at` elements from the beginning of `to` and of each addend. x is overwritten.
void AddTo(const AddHalfArgs& args, const VectorLoops& loops, float* x, int64_t at, int64_t count) {
  for (const float* addend : args.addends) loops.add(addend + at, x, count);
  if (args.overwrite) {
    std::copy_n(x, count, args.to + at);
  } else {
    loops.add(x, args.to + at, count);
  }
}

void AddTransposedHalf(const AddHalfArgs& args, const VectorLoops& loops, int64_t first, int64_t count) {
  constexpr int64_t kColumns = kSummed / kTransposeRows;
  float rows[kTransposeRows][kColumns], columns[kColumns][kTransposeRows];
  const float* starts[kTransposeRows];
  for (int64_t i = 0; i < count; ++i) starts[i] = rows[i];
  for (int64_t begin = 0; begin < args.columns; begin += kColumns) {
    const int64_t length = std::min(kColumns, args.columns - begin);
    for (int64_t i = 0; i < count; ++i) {
      loops.half_to_float(args.from + (first + i) * args.from_stride + begin, rows[i], length);
    }
    loops.transpose_rows(starts, count, length, columns[0], kTransposeRows);
    for (int64_t c = 0; c < length; ++c) AddTo(args, loops, columns[c], (begin + c) * args.to_stride + first, count);
  }
}

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

void AddHalf(const AddHalfArgs& args, ThreadPool& pool) {
  const VectorLoops& loops = CurrentLoops();
  if (args.transpose) {
    const int64_t groups = (args.rows + kTransposeRows - 1) / kTransposeRows;
    return pool.ParallelFor(groups, RowGrain(args.columns * kTransposeRows), [&](int64_t begin, int64_t end) {
      for (int64_t first = begin * kTransposeRows; first < std::min(end * kTransposeRows, args.rows);
           first += kTransposeRows) {
        AddTransposedHalf(args, loops, first, std::min(kTransposeRows, args.rows - first));
      }
    });
  }
  pool.ParallelFor(args.rows, RowGrain(args.columns), [&](int64_t begin, int64_t end) {
    float x[kSummed];
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t first = 0; first < args.columns; first += kSummed) {
        const int64_t length = std::min(kSummed, args.columns - first);
        loops.half_to_float(args.from + r * args.from_stride + first, x, length);
        AddTo(args, loops, x, r * args.to_stride + first, length);
      }
    }
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
