#include "math/host/outer_products.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "math/ceil_divide.h"
#include "size_math.h"

namespace mayfly {
namespace {

// Parts are whole tiles of the matrix product on every instruction set.
constexpr int64_t kRowMultiple = 96;
// Per thread: enough that a thread which the system holds up does not hold up the others for long.
constexpr int64_t kPartsPerThread = 4;

struct Range {
  const uint8_t* begin;
  const uint8_t* end;
};

bool Overlap(const Range& one, const Range& other) { return one.begin < other.end && other.begin < one.end; }

Range RangeOf(const void* data, DType dtype, int64_t elements) {
  const auto* begin = static_cast<const uint8_t*>(data);
  return {begin, begin + elements * static_cast<int64_t>(SizeOf(dtype))};
}

Range OperandRange(const MatrixView& view, int64_t rows, int64_t columns) {
  return RangeOf(view.data, view.dtype, (rows - 1) * view.row_stride + (columns - 1) * view.column_stride + 1);
}

Range ResultRange(const GemmArgs& p) { return RangeOf(p.c.data, p.c.dtype, (p.m - 1) * p.c.row_stride + p.n); }

// Whether `one` writes what `other` reads or writes.
bool Disturbs(const GemmArgs& one, const GemmArgs& other) {
  const Range written = ResultRange(one);
  return Overlap(written, ResultRange(other)) || Overlap(written, OperandRange(other.a, other.m, other.k)) ||
         Overlap(written, OperandRange(other.b, other.k, other.n));
}

int64_t WorkOf(const GemmArgs& product) { return SizeProduct(SizeProduct(product.m, product.n), product.k); }

// The rows [row, row + rows) of a product.
GemmArgs RowsOf(const GemmArgs& product, int64_t row, int64_t rows) {
  GemmArgs part = product;
  part.m = rows;
  part.a.data = ElementAt(product.a, row, 0);
  part.c.data = ElementAt(product.c, row, 0);
  return part;
}

// Products of [first, last) cut by rows into parts of about the same work.
std::vector<GemmArgs> Cut(const GemmArgs* first, const GemmArgs* last, int64_t parts) {
  double total = 0;
  for (const GemmArgs* product = first; product != last; ++product) total += static_cast<double>(WorkOf(*product));
  std::vector<GemmArgs> cut;
  for (const GemmArgs* product = first; product != last; ++product) {
    const double share = static_cast<double>(WorkOf(*product)) / std::max(total, 1.0);
    const int64_t pieces = std::max<int64_t>(1, static_cast<int64_t>(share * static_cast<double>(parts) + 0.5));
    const int64_t rows = CeilDivide(CeilDivide(product->m, pieces), kRowMultiple) * kRowMultiple;
    for (int64_t row = 0; row < product->m; row += rows) {
      cut.push_back(RowsOf(*product, row, std::min(rows, product->m - row)));
    }
  }
  return cut;
}

void RunSideBySide(const GemmArgs* first, const GemmArgs* last, int64_t threads, ThreadPool& pool) {
  if (threads == 1) {
    for (const GemmArgs* product = first; product != last; ++product) Gemm(*product, nullptr);
    return;
  }
  const std::vector<GemmArgs> parts = Cut(first, last, threads * kPartsPerThread);
  std::atomic<size_t> next{0};
  // As many ranges as threads, each of which takes parts while there are any: no more threads than these take part.
  pool.ParallelFor(threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t thread = begin; thread < end; ++thread) {
      for (size_t part; (part = next.fetch_add(1, std::memory_order_relaxed)) < parts.size();) {
        Gemm(parts[part], nullptr);
      }
    }
  });
}

}  // namespace

void OuterProducts(const std::vector<GemmArgs>& products, int threads, ThreadPool& pool) {
  const int64_t wide = std::min(threads, pool.threads());
  const GemmArgs* const end = products.data() + products.size();
  for (const GemmArgs* first = products.data(); first != end;) {
    const GemmArgs* last = first + 1;
    const auto isApart = [&](const GemmArgs& product) {
      return std::none_of(
          first, last, [&](const GemmArgs& before) { return Disturbs(before, product) || Disturbs(product, before); });
    };
    while (last != end && isApart(*last)) ++last;
    RunSideBySide(first, last, wide, pool);
    first = last;
  }
}

}  // namespace mayfly
