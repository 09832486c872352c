#include "math/gemm/blas_product.h"

#include <algorithm>
#include <limits>

#include "math/ceil_divide.h"
#include "math/gemm/blas.h"
#include "math/scratch.h"
#include "math/simd/half.h"
#include "size_math.h"

namespace mayfly {
namespace {

// Multiply-adds of one call at least, and the calls of one product at most.
constexpr int64_t kCallWork = 16 << 20;
constexpr int64_t kMostCalls = 16;
constexpr int64_t kPartMultiple = 16;

constexpr int kRowMajor = 101, kAsItIs = 111, kTransposed = 112;

// A product cut along the longer side of C. The depth stays whole.
struct Calls {
  explicit Calls(const GemmArgs& args) : of_rows(args.m >= args.n) {
    const int64_t work = SizeProduct(SizeProduct(args.m, args.n), std::max<int64_t>(args.k, 1));
    const int64_t side = of_rows ? args.m : args.n;
    part = RoundUp(CeilDivide(side, std::clamp<int64_t>(work / kCallWork, 1, kMostCalls)), kPartMultiple);
    count = CeilDivide(side, part);
  }

  bool of_rows;
  int64_t part, count;
};

// An operand as cblas_sgemm takes it.
struct Operand {
  const float* data;
  int64_t stride;
  bool transposed;  // stored by columns

  const float* At(int64_t row, int64_t column) const {
    return data + (transposed ? column * stride + row : row * stride + column);
  }
  int order() const { return transposed ? kTransposed : kAsItIs; }
};

// Rows of a matrix that is stored by rows, or columns of one that is stored by columns.
struct Lines {
  Lines(const MatrixView& view, int64_t rows, int64_t columns) : matrix(view), by_columns(view.row_stride == 1) {
    count = by_columns ? columns : rows;
    length = by_columns ? rows : columns;
    stride = by_columns ? view.column_stride : view.row_stride;
    step = by_columns ? view.row_stride : view.column_stride;
  }

  bool FitsSgemm() const {
    return matrix.dtype == DType::kFp32 && step == 1 && stride >= length && stride <= std::numeric_limits<int>::max();
  }

  void Copy(int64_t line, float* to) const {
    const int64_t first = line * stride;
    if (matrix.dtype == DType::kFp16) {
      const uint16_t* from = static_cast<const uint16_t*>(matrix.data) + first;
      if (step == 1) return HalfToFloat(from, to, length);
      for (int64_t i = 0; i < length; ++i) to[i] = HalfToFloat(from[i * step]);
    } else {
      const float* from = static_cast<const float*>(matrix.data) + first;
      for (int64_t i = 0; i < length; ++i) to[i] = from[i * step];
    }
  }

  MatrixView matrix;
  bool by_columns;
  int64_t count, length, stride, step;
};

// The matrix itself, or a copy in fp32.
Operand OperandOf(const MatrixView& view, int64_t rows, int64_t columns, Scratch* copy, ThreadPool* pool) {
  const Lines lines(view, rows, columns);
  if (lines.FitsSgemm()) return {static_cast<const float*>(view.data), lines.stride, lines.by_columns};
  float* const floats = copy->Floats(static_cast<size_t>(lines.count * lines.length));
  const auto convert = [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line) lines.Copy(line, floats + line * lines.length);
  };
  constexpr int64_t kGrain = 1 << 14;  // elements
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(lines.length, 1));
  if (pool == nullptr) {
    convert(0, lines.count);
  } else {
    pool->ParallelFor(lines.count, grain, convert);
  }
  return {floats, std::max<int64_t>(lines.length, 1), lines.by_columns};
}

// C rounded to fp16.
void StoreHalves(const GemmArgs& args, int64_t row, int64_t column, int64_t rows, int64_t columns, float* sums) {
  for (int64_t r = 0; r < rows; ++r) {
    auto* to = static_cast<uint16_t*>(ElementAt(args.c, row + r, column));
    float* from = sums + r * columns;
    if (args.beta != 0.0f) {
      for (int64_t j = 0; j < columns; ++j) from[j] += args.beta * HalfToFloat(to[j]);
    }
    FloatToHalf(from, to, columns);
  }
}

// Calls [begin, end) of a product.
void Call(const Blas& blas, const GemmArgs& args, const Calls& calls, const Operand& a, const Operand& b, int64_t begin,
          int64_t end) {
  thread_local Scratch scratch;
  thread_local bool is_limited = false;
  constexpr unsigned kSingleThreaded = 1;
  if (!is_limited && blas.set_threading != nullptr) blas.set_threading(kSingleThreaded);
  is_limited = true;
  const bool halves = args.c.dtype == DType::kFp16;
  for (int64_t call = begin; call < end; ++call) {
    const int64_t from = call * calls.part;
    const int64_t row = calls.of_rows ? from : 0, column = calls.of_rows ? 0 : from;
    const int64_t rows = calls.of_rows ? std::min(calls.part, args.m - row) : args.m;
    const int64_t columns = calls.of_rows ? args.n : std::min(calls.part, args.n - column);
    float* const c = halves ? scratch.Floats(static_cast<size_t>(rows * columns))
                            : static_cast<float*>(ElementAt(args.c, row, column));
    const int64_t c_stride = halves ? columns : std::max(args.c.row_stride, columns);
    blas.sgemm(kRowMajor, a.order(), b.order(), static_cast<int>(rows), static_cast<int>(columns),
               static_cast<int>(args.k), args.alpha, a.At(row, 0), static_cast<int>(a.stride), b.At(0, column),
               static_cast<int>(b.stride), halves ? 0.0f : args.beta, c, static_cast<int>(c_stride));
    if (halves) StoreHalves(args, row, column, rows, columns, c);
  }
}

}  // namespace

void BlasProducts(const GemmArgs& first, int64_t count, int64_t a_stride, int64_t b_stride, int64_t c_stride,
                  ThreadPool* pool) {
  const Blas& blas = TheBlas();
  const Calls calls(first);
  const auto run = [&](int64_t begin, int64_t end, ThreadPool* threads) {
    thread_local Scratch a_copy, b_copy;
    for (int64_t item = begin; item < end; ++item) {
      const GemmArgs args = BatchItem(first, item, a_stride, b_stride, c_stride);
      const Operand a = OperandOf(args.a, args.m, args.k, &a_copy, threads);
      const Operand b = OperandOf(args.b, args.k, args.n, &b_copy, threads);
      if (threads == nullptr) {
        Call(blas, args, calls, a, b, 0, calls.count);
      } else {
        threads->ParallelFor(calls.count, 1,
                             [&](int64_t from, int64_t to) { Call(blas, args, calls, a, b, from, to); });
      }
    }
  };
  // Threads share one product, or each takes some of several.
  if (pool == nullptr || count == 1) return run(0, count, pool);
  pool->ParallelFor(count, 1, [&](int64_t begin, int64_t end) { run(begin, end, nullptr); });
}

}  // namespace mayfly
