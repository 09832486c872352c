#include "math/gemm/matrix_vector.h"

#include <algorithm>

#include "math/scratch.h"
#include "math/simd/half.h"

namespace mayfly {
namespace {

// Elements of the matrix in one range of a thread: 64 KiB of fp16, read in 3 to 6 microseconds.
constexpr int64_t kGrain = 1 << 15;
// Rows of one call of a loop, whose results are converted while they are in the first-level cache.
constexpr int64_t kRows = 64;

// A product as rows of a matrix times a vector.
struct Shape {
  int64_t rows, depth;
  MatrixView matrix;  // rows × depth
  const void* x;
  DType x_type;
  int64_t x_stride;
  int64_t y_stride;
};

Shape ShapeOf(const GemmArgs& args) {
  if (args.n == 1) {
    return {args.m, args.k, args.a, args.b.data, args.b.dtype, args.b.row_stride, args.c.row_stride};
  }
  const MatrixView transposed{args.b.data, args.b.dtype, args.b.column_stride, args.b.row_stride};
  return {args.n, args.k, transposed, args.a.data, args.a.dtype, args.a.column_stride, 1};
}

void ReadVector(const Shape& shape, float* x) {
  if (shape.x_type == DType::kFp32) {
    const auto* from = static_cast<const float*>(shape.x);
    for (int64_t k = 0; k < shape.depth; ++k) x[k] = from[k * shape.x_stride];
  } else {
    const auto* from = static_cast<const uint16_t*>(shape.x);
    if (shape.x_stride == 1) return HalfToFloat(from, x, shape.depth);
    for (int64_t k = 0; k < shape.depth; ++k) x[k] = HalfToFloat(from[k * shape.x_stride]);
  }
}

void MultiplyRows(const Shape& shape, int64_t first, int64_t rows, const float* x, float* y) {
  const MatrixVectorLoops& loops = CurrentMatrixVectorLoops();
  const bool half = shape.matrix.dtype == DType::kFp16, dots = shape.matrix.column_stride == 1;
  const int64_t stride = dots ? shape.matrix.row_stride : shape.matrix.column_stride;
  const void* matrix = ElementAt(shape.matrix, first, 0);
  if (half) {
    (dots ? loops.half_dots : loops.half_sums)(static_cast<const uint16_t*>(matrix), stride, rows, shape.depth, x, y);
  } else {
    (dots ? loops.float_dots : loops.float_sums)(static_cast<const float*>(matrix), stride, rows, shape.depth, x, y);
  }
}

void WriteRows(const GemmArgs& args, int64_t stride, int64_t first, int64_t rows, float* y) {
  const bool half = args.c.dtype == DType::kFp16;
  auto* halves = static_cast<uint16_t*>(args.c.data) + (half ? first * stride : 0);
  auto* floats = static_cast<float*>(args.c.data) + (half ? 0 : first * stride);
  if (args.alpha != 1.0f || args.beta != 0.0f) {
    for (int64_t r = 0; r < rows; ++r) {
      y[r] *= args.alpha;
      if (args.beta != 0.0f) y[r] += args.beta * (half ? HalfToFloat(halves[r * stride]) : floats[r * stride]);
    }
  }
  if (half && stride == 1) return FloatToHalf(y, halves, rows);
  for (int64_t r = 0; r < rows; ++r) {
    if (half) {
      halves[r * stride] = FloatToHalf(y[r]);
    } else {
      floats[r * stride] = y[r];
    }
  }
}

// Rows of one range, a whole number of loop calls where a row is short.
int64_t GrainRows(int64_t depth) { return std::max<int64_t>(kGrain / std::max<int64_t>(depth, 1) / kRows, 1) * kRows; }

}  // namespace

bool IsMatrixVector(const GemmArgs& args) {
  if (args.m != 1 && args.n != 1) return false;
  const MatrixView matrix = ShapeOf(args).matrix;
  return matrix.column_stride == 1 || matrix.row_stride == 1;
}

void BatchedMatrixVector(const GemmArgs& first, int64_t count, int64_t a_stride, int64_t b_stride, int64_t c_stride,
                         ThreadPool* pool) {
  if (first.m <= 0 || first.n <= 0 || count <= 0) return;
  const Shape shape = ShapeOf(first);
  const int64_t part = std::min(GrainRows(shape.depth), shape.rows);
  const int64_t parts = (shape.rows + part - 1) / part;
  const auto run = [&](int64_t begin, int64_t end) {
    thread_local Scratch scratch;
    float* x = scratch.Floats(static_cast<size_t>(shape.depth + kRows));
    float* y = x + shape.depth;
    int64_t read = -1;
    for (int64_t index = begin; index < end; ++index) {
      const int64_t item = index / parts, from = index % parts * part;
      const GemmArgs args = BatchItem(first, item, a_stride, b_stride, c_stride);
      const Shape own = ShapeOf(args);
      if (item != read) ReadVector(own, x);
      read = item;
      for (int64_t row = from, last = std::min(from + part, own.rows); row < last; row += kRows) {
        const int64_t rows = std::min(kRows, last - row);
        MultiplyRows(own, row, rows, x, y);
        WriteRows(args, own.y_stride, row, rows, y);
      }
    }
  };
  const int64_t items = std::max<int64_t>(kGrain / std::max<int64_t>(part * shape.depth, 1), 1);
  if (pool == nullptr) return run(0, count * parts);
  pool->ParallelFor(count * parts, items, run);
}

void HalfMatrixVector(const uint16_t* matrix, int64_t rows, int64_t depth, const float* x, float* y, ThreadPool* pool) {
  const GemmArgs args{rows, 1, depth, {matrix, DType::kFp16, depth, 1}, {x, DType::kFp32, 1, 1}, {y, DType::kFp32, 1}};
  BatchedMatrixVector(args, 1, 0, 0, 0, pool);
}

}  // namespace mayfly
