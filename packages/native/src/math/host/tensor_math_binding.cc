// Host math on plain tensors, as JavaScript functions.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "math/gemm/gemm.h"
#include "math/host/adamw.h"
#include "math/host/convert.h"
#include "math/host/math_function.h"
#include "math/host/muon.h"
#include "math/host/outer_products.h"
#include "math/host/reduce.h"
#include "math/host/tokens.h"
#include "napi_arguments.h"

namespace mayfly {
namespace {

// Rows [first, last) of a table with `count` rows: those that the ids name or, with `others`, all but these. Ranges are
// short enough to share them among threads.
std::vector<std::pair<int64_t, int64_t>> RowRanges(std::vector<int32_t> ids, int64_t count, bool others) {
  constexpr int64_t kMostRows = 64;
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  std::vector<std::pair<int64_t, int64_t>> ranges;
  int64_t next = 0;
  const auto add = [&](int64_t first, int64_t last) {
    for (; first < last; first += kMostRows) ranges.emplace_back(first, std::min(first + kMostRows, last));
  };
  for (const int64_t id : ids) {
    if (others) add(next, id);
    if (!others) add(id, id + 1);
    next = id + 1;
  }
  if (others) add(next, count);
  return ranges;
}

auto Optimize(const MathOptions& o) {
  AdamwArgs args{};
  args.count = o.Whole("count", 0, kLargestCount);
  args.weights = o.Array<float>("weights", args.count);
  args.gradients = o.Array<float>("gradients", args.count);
  args.m = o.Array<float>("m", args.count);
  args.v = o.Array<float>("v", args.count);
  args.lr = o.Number("lr");
  args.beta1 = o.Fraction("beta1");
  args.beta2 = o.Fraction("beta2");
  args.eps = o.Number("eps");
  args.weight_decay = o.Number("weightDecay");
  args.step = o.Whole("step", 1, kLargestCount);
  args.gradient_scale = o.Number("gradientScale");
  const bool has_rows = o.Has("rows");
  if (has_rows || o.Has("half")) {
    args.columns = o.Dimension("columns");
    if (args.count == 0 || args.count % args.columns != 0) {
      throw Error("ERR_INVALID_ARGUMENT", "Expected count to be whole rows of " + std::to_string(args.columns) +
                                              " columns, got " + std::to_string(args.count));
    }
  }
  if (has_rows) {
    if (o.Has("half")) throw Error("ERR_INVALID_ARGUMENT", "Expected rows or half, got both");
    const int64_t ids = o.Dimension("ids"), rows = args.count / args.columns;
    args.rows = RowRanges(ReadTokens(o.Array<int32_t>("rows", ids), ids, rows, "rows"), rows, o.Flag("others"));
    // Where the ids are all rows, nothing is left.
    if (args.rows.empty()) args.count = 0;
  } else if (o.Has("half")) {
    const int64_t rows = args.count / args.columns;
    args.transpose = o.Flag("transpose");
    const auto half = args.transpose ? o.Rows<uint16_t>("half", "halfStride", args.columns, rows)
                                     : o.Rows<uint16_t>("half", "halfStride", rows, args.columns);
    args.half = half.data;
    args.half_stride = half.stride;
  }
  return [args = std::move(args)](ThreadPool& pool) { Adamw(args, pool); };
}

auto OptimizeByMuon(const MathOptions& o) {
  MuonArgs args{};
  args.rows = o.Dimension("rows");
  args.columns = o.Dimension("columns");
  args.weights = o.Array<float>("weights", args.rows * args.columns);
  args.gradients = o.Array<float>("gradients", args.rows * args.columns);
  args.m = o.Array<float>("m", args.rows * args.columns);
  args.lr = o.Number("lr");
  args.momentum = o.Fraction("momentum");
  args.weight_decay = o.Number("weightDecay");
  args.scale = o.Number("scale");
  args.gradient_scale = o.Number("gradientScale");
  args.precision = o.PrecisionOrExact();
  if (o.Has("half")) {
    args.transpose = o.Flag("transpose");
    const auto half = args.transpose ? o.Rows<uint16_t>("half", "halfStride", args.columns, args.rows)
                                     : o.Rows<uint16_t>("half", "halfStride", args.rows, args.columns);
    args.half = half.data;
    args.half_stride = half.stride;
  }
  return [=](ThreadPool& pool) { Muon(args, pool); };
}

auto RowsToHalf(const MathOptions& o) {
  ToHalfArgs args{};
  args.rows = o.Dimension("rows");
  args.columns = o.Dimension("columns");
  args.transpose = o.Flag("transpose");
  const auto from = o.Rows<float>("from", "fromStride", args.rows, args.columns);
  const auto to = args.transpose ? o.Rows<uint16_t>("to", "toStride", args.columns, args.rows)
                                 : o.Rows<uint16_t>("to", "toStride", args.rows, args.columns);
  args.from = from.data;
  args.from_stride = from.stride;
  args.to = to.data;
  args.to_stride = to.stride;
  return [=](ThreadPool& pool) { ToHalf(args, pool); };
}

auto RowsToFloat(const MathOptions& o) {
  const int64_t rows = o.Dimension("rows"), columns = o.Dimension("columns");
  const auto from = o.Rows<uint16_t>("from", "fromStride", rows, columns);
  const auto to = o.Rows<float>("to", "toStride", rows, columns);
  return [=](ThreadPool& pool) { ToFloat(from.data, from.stride, to.data, to.stride, rows, columns, pool); };
}

auto SumOfHalves(const MathOptions& o) {
  AddHalfArgs args{};
  args.rows = o.Dimension("rows");
  args.columns = o.Dimension("columns");
  args.transpose = o.Flag("transpose");
  args.overwrite = o.Flag("overwrite");
  const auto from = o.Rows<uint16_t>("from", "fromStride", args.rows, args.columns);
  const int64_t rows = args.transpose ? args.columns : args.rows, columns = args.transpose ? args.rows : args.columns;
  const auto to = o.Rows<float>("to", "toStride", rows, columns);
  args.from = from.data;
  args.from_stride = from.stride;
  args.to = to.data;
  args.to_stride = to.stride;
  args.addends = o.Arrays<float>("addends", (rows - 1) * to.stride + columns);
  return [args = std::move(args)](ThreadPool& pool) { AddHalf(args, pool); };
}

auto CopyStridedRows(const MathOptions& o) {
  const int64_t rows = o.Dimension("rows"), row_bytes = o.Dimension("rowBytes");
  const auto from = o.Rows<uint8_t>("from", "fromStride", rows, row_bytes);
  const auto to = o.Rows<uint8_t>("to", "toStride", rows, row_bytes);
  return [=](ThreadPool& pool) { CopyRows(from.data, from.stride, to.data, to.stride, rows, row_bytes, pool); };
}

// `name` as rows × columns, stored so or, with `transposed`, as columns × rows.
MatrixView Operand(const MathOptions& o, const std::string& name, int64_t rows, int64_t columns) {
  const std::string type = name + "Type", stride = name + "Stride", flag = name + "Transposed";
  const bool transposed = o.Flag(flag.c_str());
  if (transposed) std::swap(rows, columns);
  MatrixView view = o.View(name.c_str(), type.c_str(), stride.c_str(), rows, columns);
  if (transposed) std::swap(view.row_stride, view.column_stride);
  return view;
}

auto MatrixProduct(const MathOptions& o) {
  GemmArgs args{};
  args.m = o.Dimension("m");
  args.n = o.Dimension("n");
  args.k = o.Dimension("k");
  args.a = Operand(o, "a", args.m, args.k);
  args.b = Operand(o, "b", args.k, args.n);
  args.c = o.Matrix("c", "cType", "cStride", args.m, args.n);
  args.alpha = o.Has("alpha") ? static_cast<float>(o.Number("alpha")) : 1.0f;
  args.beta = o.Has("beta") ? static_cast<float>(o.Number("beta")) : 0.0f;
  args.precision = o.PrecisionOrExact();
  return [=](ThreadPool& pool) { Gemm(args, &pool); };
}

// (arena, products, threads). All products are checked before any runs.
auto WeightProducts(const Napi::CallbackInfo& info, const std::shared_ptr<Arena>& arena) {
  if (!info[1].IsArray()) throw Error("ERR_INVALID_ARGUMENT", "Expected products to be an array");
  auto products = ListOf(info[1].As<Napi::Array>(), [&](const Napi::Value& each) {
    const MathOptions o(each, arena);
    OuterProduct sum{};
    GemmArgs& product = sum.product;
    product.m = o.Dimension("m");
    product.n = o.Dimension("n");
    product.k = o.Dimension("k");
    product.a = o.View("a", "aType", "aStride", product.m, product.k);
    product.b = o.View("b", "bType", "bStride", product.n, product.k);
    std::swap(product.b.row_stride, product.b.column_stride);
    product.c = {o.Array<float>("c", product.m * product.n), DType::kFp32, product.n};
    product.beta = o.Flag("overwrite") ? 0.0f : 1.0f;
    product.precision = o.PrecisionOrExact();
    sum.addends = o.Arrays<float>("addends", product.m * product.n);
    return sum;
  });
  const int threads = info[2].IsUndefined() ? 1 : static_cast<int>(WholeNumber(info[2], "threads", 1, kMostThreads));
  return [products = std::move(products), threads](ThreadPool& pool) { OuterProducts(products, threads, pool); };
}

// The flat functions take offsets and counts instead of options.
auto SquareSum(const Napi::CallbackInfo& info, const std::shared_ptr<Arena>& arena) {
  const int64_t count = WholeNumber(info[2], "count", 0, kLargestCount);
  const float* x = ArenaArray<float>(*arena, info[1], "offset", count);
  return [=](ThreadPool& pool) { return SumOfSquares(x, count, pool); };
}

auto AddArrays(const Napi::CallbackInfo& info, const std::shared_ptr<Arena>& arena) {
  const int64_t count = WholeNumber(info[3], "count", 0, kLargestCount);
  auto from = ArenaArrays<float>(*arena, info[1], "from", count);
  float* to = ArenaArray<float>(*arena, info[2], "to", count);
  return [from = std::move(from), to, count](ThreadPool& pool) { Add(from, to, count, pool); };
}

auto ZeroBytes(const Napi::CallbackInfo& info, const std::shared_ptr<Arena>& arena) {
  const int64_t bytes = WholeNumber(info[2], "bytes", 0, kLargestCount);
  uint8_t* to = ArenaArray<uint8_t>(*arena, info[1], "offset", bytes);
  return [=](ThreadPool& pool) { Zero(to, bytes, pool); };
}

auto CommitPages(const Napi::CallbackInfo& info, const std::shared_ptr<Arena>& arena) {
  const uint64_t offset = WholeNumber(info[1], "offset"), bytes = WholeNumber(info[2], "bytes");
  return [=](ThreadPool&) { arena->Populate(offset, bytes); };
}

}  // namespace

void ExportTensorMath(const MathExports& math) {
  DefineMath(math, "gemm", MatrixProduct);
  DefineMath(math, "outerProducts", WeightProducts);
  DefineMath(math, "adamw", Optimize);
  DefineMath(math, "muon", OptimizeByMuon);
  DefineMath(math, "sumOfSquares", SquareSum);
  DefineMath(math, "add", AddArrays);
  DefineMath(math, "zero", ZeroBytes);
  DefineMath(math, "populate", CommitPages);
  DefineMath(math, "toHalf", RowsToHalf);
  DefineMath(math, "toFloat", RowsToFloat);
  DefineMath(math, "addHalf", SumOfHalves);
  DefineMath(math, "copyRows", CopyStridedRows);
}

}  // namespace mayfly
