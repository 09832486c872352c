#include "math/host/outer_products.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "math/ceil_divide.h"
#include "math/host/vector_loops.h"
#include "math/scratch.h"
#include "size_math.h"

namespace mayfly {
namespace {

// Parts are whole tiles of the matrix product on every instruction set.
constexpr int64_t kRowMultiple = 96;
// Of a product that is added to other sums: stays in the second-level cache until it is.
constexpr int64_t kSummedRows = 2 * kRowMultiple, kSummedColumns = 512;
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
bool Disturbs(const OuterProduct& one, const OuterProduct& other) {
  const Range written = ResultRange(one.product);
  const GemmArgs& args = other.product;
  const auto is_written = [&](const float* addend) {
    return Overlap(written, RangeOf(addend, DType::kFp32, args.m * args.n));
  };
  return Overlap(written, ResultRange(args)) || Overlap(written, OperandRange(args.a, args.m, args.k)) ||
         Overlap(written, OperandRange(args.b, args.k, args.n)) ||
         std::any_of(other.addends.begin(), other.addends.end(), is_written);
}

int64_t WorkOf(const GemmArgs& product) { return SizeProduct(SizeProduct(product.m, product.n), product.k); }

// Rows and columns of a product.
OuterProduct PartOf(const OuterProduct& whole, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  OuterProduct part = whole;
  part.product.m = rows;
  part.product.n = columns;
  part.product.a.data = ElementAt(whole.product.a, row, 0);
  part.product.b.data = ElementAt(whole.product.b, 0, column);
  part.product.c.data = ElementAt(whole.product.c, row, column);
  for (const float*& addend : part.addends) addend += row * whole.product.c.row_stride + column;
  return part;
}

// Products of [first, last) cut by rows into parts of about the same work.
std::vector<OuterProduct> Cut(const OuterProduct* first, const OuterProduct* last, int64_t parts) {
  double total = 0;
  for (const OuterProduct* each = first; each != last; ++each) total += static_cast<double>(WorkOf(each->product));
  std::vector<OuterProduct> cut;
  for (const OuterProduct* each = first; each != last; ++each) {
    const GemmArgs& product = each->product;
    const double share = static_cast<double>(WorkOf(product)) / std::max(total, 1.0);
    const int64_t pieces = std::max<int64_t>(1, static_cast<int64_t>(share * static_cast<double>(parts) + 0.5));
    const int64_t rows = CeilDivide(CeilDivide(product.m, pieces), kRowMultiple) * kRowMultiple;
    for (int64_t row = 0; row < product.m; row += rows) {
      cut.push_back(PartOf(*each, row, std::min(rows, product.m - row), 0, product.n));
    }
  }
  return cut;
}

// The product becomes a sum with the addends and, unless it overwrites, with c.
void AddTo(const OuterProduct& sum) {
  thread_local Scratch scratch;
  const VectorLoops& loops = CurrentLoops();
  GemmArgs product = sum.product;
  const int64_t rows = product.m, columns = product.n;
  float* const values = scratch.Floats(static_cast<size_t>(rows * columns));
  product.c = {values, DType::kFp32, columns};
  product.beta = 0.0f;
  Gemm(product, nullptr);
  for (int64_t r = 0; r < rows; ++r) {
    float* const row = values + r * columns;
    const int64_t at = r * sum.product.c.row_stride;
    for (const float* addend : sum.addends) loops.add(addend + at, row, columns);
    float* const to = static_cast<float*>(sum.product.c.data) + at;
    if (sum.product.beta == 0.0f) {
      std::copy_n(row, columns, to);
    } else {
      loops.add(row, to, columns);
    }
  }
}

void Run(const OuterProduct& part) {
  const GemmArgs& product = part.product;
  if (part.addends.empty()) return Gemm(product, nullptr);
  // A library converts operands in each call.
  if (product.precision == Precision::kBlas) return AddTo(part);
  for (int64_t row = 0; row < product.m; row += kSummedRows) {
    const int64_t rows = std::min(kSummedRows, product.m - row);
    for (int64_t column = 0; column < product.n; column += kSummedColumns) {
      AddTo(PartOf(part, row, rows, column, std::min(kSummedColumns, product.n - column)));
    }
  }
}

void RunSideBySide(const OuterProduct* first, const OuterProduct* last, int64_t threads, ThreadPool& pool) {
  if (threads == 1) {
    for (const OuterProduct* product = first; product != last; ++product) Run(*product);
    return;
  }
  const std::vector<OuterProduct> parts = Cut(first, last, threads * kPartsPerThread);
  std::atomic<size_t> next{0};
  // As many ranges as threads, each of which takes parts while there are any: no more threads than these take part.
  pool.ParallelFor(threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t thread = begin; thread < end; ++thread) {
      for (size_t part; (part = next.fetch_add(1, std::memory_order_relaxed)) < parts.size();) {
        Run(parts[part]);
      }
    }
  });
}

}  // namespace

void OuterProducts(const std::vector<OuterProduct>& products, int threads, ThreadPool& pool) {
  const int64_t wide = std::min(threads, pool.threads());
  const OuterProduct* const end = products.data() + products.size();
  for (const OuterProduct* first = products.data(); first != end;) {
    const OuterProduct* last = first + 1;
    const auto isApart = [&](const OuterProduct& product) {
      return std::none_of(first, last, [&](const OuterProduct& before) {
        return Disturbs(before, product) || Disturbs(product, before);
      });
    };
    while (last != end && isApart(*last)) ++last;
    RunSideBySide(first, last, wide, pool);
    first = last;
  }
}

}  // namespace mayfly
