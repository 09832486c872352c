// Host math of a transformer's layers, as JavaScript functions.
#include <string>
#include <vector>

#include "error.h"
#include "math/host/cross_entropy.h"
#include "math/host/embedding.h"
#include "math/host/logits.h"
#include "math/host/math_function.h"
#include "math/host/norm.h"
#include "math/host/rope.h"
#include "math/host/softmax_loss.h"
#include "math/host/tokens.h"

namespace mayfly {
namespace {

auto EmbedTokens(const MathOptions& o) {
  const int64_t vocab = o.Dimension("vocab"), dim = o.Dimension("dim"), columns = o.Dimension("columns");
  const float* table = o.Array<float>("table", vocab * dim);
  float* out = o.Array<float>("out", dim * columns);
  const std::vector<int32_t> tokens = ReadTokens(o.Array<int32_t>("tokens", columns), columns, vocab, "tokens");
  return [=](ThreadPool& pool) { Embed(table, tokens, out, dim, pool); };
}

auto EmbedTokensBackward(const MathOptions& o) {
  const int64_t vocab = o.Dimension("vocab"), dim = o.Dimension("dim"), columns = o.Dimension("columns");
  const float* gradient = o.Array<float>("gradient", dim * columns);
  float* table_gradient = o.Array<float>("tableGradient", vocab * dim);
  const std::vector<int32_t> tokens = ReadTokens(o.Array<int32_t>("tokens", columns), columns, vocab, "tokens");
  return [=](ThreadPool& pool) { EmbedBackward(gradient, tokens, table_gradient, dim, pool); };
}

auto NormForward(const MathOptions& o) {
  ResidualNormArgs args{};
  args.dim = o.Dimension("dim");
  args.columns = o.Dimension("columns");
  args.eps = static_cast<float>(o.Positive("eps"));
  args.x = o.Array<float>("x", args.dim * args.columns);
  args.weight = o.Array<float>("weight", args.dim);
  args.sum = o.Optional<float>("sum", args.dim * args.columns);
  if (o.Has("addend")) {
    const auto addend = o.Rows<uint16_t>("addend", "addendStride", args.dim, args.columns);
    args.addend = addend.data;
    args.addend_stride = addend.stride;
  }
  if (o.Has("out")) args.out = o.Matrix("out", "outType", "outStride", args.dim, args.columns);
  return [=](ThreadPool& pool) { ResidualNorm(args, pool); };
}

auto NormGradient(const MathOptions& o) {
  NormBackwardArgs args{};
  args.dim = o.Dimension("dim");
  args.columns = o.Dimension("columns");
  args.eps = static_cast<float>(o.Positive("eps"));
  args.x = o.View("x", "xType", "xStride", args.dim, args.columns);
  args.weight = o.Array<float>("weight", args.dim);
  args.d_out = o.View("dOut", "dOutType", "dOutStride", args.dim, args.columns);
  args.dx = o.Array<float>("dx", args.dim * args.columns);
  args.d_weight = o.Array<float>("dWeight", args.dim);
  args.overwrite = o.Flag("overwrite");
  if (o.Has("out")) {
    const auto out = o.Rows<uint16_t>("out", "outStride", args.dim, args.columns);
    args.out = out.data;
    args.out_stride = out.stride;
  }
  return [=](ThreadPool& pool) { NormBackward(args, pool); };
}

float GradientScaleOf(const MathOptions& o) {
  return o.Has("gradientScale") ? static_cast<float>(o.Number("gradientScale")) : 1.0f;
}

auto Loss(const MathOptions& o) {
  CrossEntropyArgs args{};
  args.vocab = o.Dimension("vocab");
  args.dim = o.Dimension("dim");
  args.columns = o.Dimension("columns");
  args.x = o.Array<float>("x", args.dim * args.columns);
  args.table = o.Array<float>("table", args.vocab * args.dim);
  args.dx = o.Optional<float>("dx", args.dim * args.columns);
  args.d_table = o.Optional<float>("dTable", args.vocab * args.dim);
  args.log_sum_exp = o.Optional<float>("logSumExp", args.columns);
  args.gradient_scale = GradientScaleOf(o);
  args.precision = o.PrecisionOrExact();
  const int32_t* ids = o.Array<int32_t>("targets", args.columns);
  const std::vector<int32_t> targets = ReadTokens(ids, args.columns, args.vocab, "targets", kIgnoredTarget);
  return [=](ThreadPool& pool) { return CrossEntropy(args, targets, pool); };
}

SoftmaxProblem ProblemOf(const MathOptions& o) {
  SoftmaxProblem problem;
  problem.vocab = o.Dimension("vocab");
  problem.columns = o.Dimension("columns");
  problem.logits = o.Array<float>("logits", problem.vocab * problem.columns);
  problem.partials = o.Array<float>("partials", problem.partial_rows() * problem.columns);
  const int32_t* ids = o.Array<int32_t>("targets", problem.columns);
  problem.targets = ReadTokens(ids, problem.columns, problem.vocab, "targets", kIgnoredTarget);
  return problem;
}

template <class T>
SoftmaxRows<T> RowsOf(const MathOptions& o, const SoftmaxProblem& problem, const char* name, const char* stride_name) {
  const int64_t rows = o.Dimension("rows");
  if (rows > problem.vocab) {
    throw Error("ERR_INVALID_ARGUMENT",
                "Expected rows to be at most " + std::to_string(problem.vocab) + ", got " + std::to_string(rows));
  }
  const int64_t first = o.Whole("first", 0, problem.vocab - rows);
  const auto half = o.Rows<uint16_t>(name, stride_name, rows, problem.columns);
  return {first, rows, half.data, half.stride};
}

auto ChunkOfLogits(const MathOptions& o) {
  const SoftmaxProblem problem = ProblemOf(o);
  const auto chunk = RowsOf<const uint16_t>(o, problem, "from", "fromStride");
  return [=](ThreadPool& pool) { SoftmaxChunk(problem, chunk, pool); };
}

auto LossOfLogits(const MathOptions& o) {
  const SoftmaxProblem problem = ProblemOf(o);
  const float gradient_scale = GradientScaleOf(o);
  return [=](ThreadPool& pool) { return SoftmaxLoss(problem, gradient_scale, pool); };
}

auto GradientOfLogits(const MathOptions& o) {
  const SoftmaxProblem problem = ProblemOf(o);
  const auto to = RowsOf<uint16_t>(o, problem, "to", "toStride");
  const float gradient_scale = GradientScaleOf(o);
  return [=](ThreadPool& pool) { SoftmaxGradient(problem, gradient_scale, to, pool); };
}

auto ColumnLogits(const MathOptions& o) {
  const int64_t vocab = o.Dimension("vocab"), dim = o.Dimension("dim"), columns = o.Dimension("columns");
  const float* x = o.Array<float>("x", dim * columns) + o.Whole("column", 0, columns - 1);
  const bool half = o.Has("tableType") && o.Second("tableType", "fp32", "fp16");
  const void* table = half ? static_cast<const void*>(o.Array<uint16_t>("table", vocab * dim))
                           : static_cast<const void*>(o.Array<float>("table", vocab * dim));
  float* out = o.Array<float>("out", vocab);
  const DType type = half ? DType::kFp16 : DType::kFp32;
  return [=](ThreadPool& pool) { Logits(table, type, x, columns, out, vocab, dim, pool); };
}

auto Rotate(const MathOptions& o) {
  RopeArgs args{};
  args.heads = o.Dimension("heads");
  args.head_dim = o.Dimension("headDim", 2);
  if (args.head_dim % 2 != 0) {
    throw Error("ERR_INVALID_ARGUMENT", "Expected headDim to be even, got " + std::to_string(args.head_dim));
  }
  args.columns = o.Dimension("columns");
  args.sequence = o.Dimension("sequence");
  args.base = o.Positive("base");
  args.halves = o.Second("pairing", "interleaved", "half");
  args.inverse = o.Flag("inverse");
  // The product of three dimensions: bounded one factor at a time.
  const int64_t most_rows = kLargestCount / args.columns;
  if (args.heads > most_rows / args.head_dim) {
    throw Error("ERR_ARENA_BOUNDS", "Expected heads · headDim · columns to be at most 2^50, got " +
                                        std::to_string(args.heads) + " · " + std::to_string(args.head_dim) + " · " +
                                        std::to_string(args.columns));
  }
  args.x = o.Array<float>("x", args.heads * args.head_dim * args.columns);
  return [=](ThreadPool& pool) { Rope(args, pool); };
}

}  // namespace

void ExportLayerMath(const MathExports& math) {
  DefineMath(math, "embed", EmbedTokens);
  DefineMath(math, "embedBackward", EmbedTokensBackward);
  DefineMath(math, "residualNorm", NormForward);
  DefineMath(math, "normBackward", NormGradient);
  DefineMath(math, "crossEntropy", Loss);
  DefineMath(math, "softmaxChunk", ChunkOfLogits);
  DefineMath(math, "softmaxLoss", LossOfLogits);
  DefineMath(math, "softmaxGradient", GradientOfLogits);
  DefineMath(math, "logits", ColumnLogits);
  DefineMath(math, "rope", Rotate);
}

}  // namespace mayfly
