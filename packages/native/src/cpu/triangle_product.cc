#include "cpu/triangle_product.h"

#include <algorithm>
#include <cstring>

#include "math/ceil_divide.h"

namespace mayfly::cpu {
namespace {

// Rows or columns of c that are computed together. Smaller blocks skip more, but pack operands more often.
constexpr int64_t kBlock = 64;

void Clear(const MatrixOutput& c, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  const auto bytes = static_cast<size_t>(columns) * SizeOf(c.dtype);
  for (int64_t r = row; r < row + rows; ++r) std::memset(ElementAt(c, r, column), 0, bytes);
}

void TakeRows(GemmArgs* args, int64_t begin, int64_t end) {
  args->a.data = ElementAt(args->a, begin, 0);
  args->c.data = ElementAt(args->c, begin, 0);
  args->m = end - begin;
}

void TakeColumns(GemmArgs* args, int64_t begin, int64_t end) {
  args->b.data = ElementAt(args->b, 0, begin);
  args->c.data = ElementAt(args->c, 0, begin);
  args->n = end - begin;
}

void TakeDepth(GemmArgs* args, int64_t begin, int64_t end) {
  args->a.data = ElementAt(args->a, 0, begin);
  args->b.data = ElementAt(args->b, begin, 0);
  args->k = end - begin;
}

bool CutsRows(Skip skip) { return skip == Skip::kAboveA || skip == Skip::kBelowA || skip == Skip::kAboveC; }

// Computes rows or columns [begin, end) of c.
void MultiplyBlock(GemmArgs args, Skip skip, int64_t begin, int64_t end) {
  const MatrixOutput c = args.c;
  if (CutsRows(skip)) {
    TakeRows(&args, begin, end);
  } else {
    TakeColumns(&args, begin, end);
  }
  switch (skip) {
    case Skip::kAboveA:
    case Skip::kBelowB: TakeDepth(&args, 0, end); break;
    case Skip::kBelowA:
    case Skip::kAboveB: TakeDepth(&args, begin, args.k); break;
    case Skip::kAboveC:
      Clear(c, begin, end - begin, end, args.n - end);
      TakeColumns(&args, 0, end);
      break;
    case Skip::kBelowC:
      Clear(c, end, args.m - end, begin, end - begin);
      TakeRows(&args, 0, end);
      break;
    case Skip::kNothing: break;
  }
  Gemm(args, nullptr);
}

}  // namespace

Skip Transposed(Skip skip) {
  switch (skip) {
    case Skip::kAboveA: return Skip::kBelowB;
    case Skip::kBelowA: return Skip::kAboveB;
    case Skip::kAboveB: return Skip::kBelowA;
    case Skip::kBelowB: return Skip::kAboveA;
    case Skip::kAboveC: return Skip::kBelowC;
    case Skip::kBelowC: return Skip::kAboveC;
    case Skip::kNothing: break;
  }
  return skip;
}

void TriangleProduct(const GemmArgs& first, Skip skip, int64_t count, int64_t a_stride, int64_t b_stride,
                     int64_t c_stride, ThreadPool* pool) {
  const int64_t size = CutsRows(skip) ? first.m : first.n;
  const int64_t blocks = CeilDivide(size, kBlock);
  pool->ParallelFor(count * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t item = task / blocks, at = task % blocks * kBlock;
      const GemmArgs args = BatchItem(first, item, a_stride, b_stride, c_stride);
      MultiplyBlock(args, skip, at, std::min(at + kBlock, size));
    }
  });
}

}  // namespace mayfly::cpu
