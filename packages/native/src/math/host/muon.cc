#include "math/host/muon.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "math/gemm/gemm.h"
#include "math/host/convert.h"
#include "math/host/reduce.h"
#include "math/scratch.h"

namespace mayfly {
namespace {

constexpr int kIterations = 5;
// The quintic polynomial of Jordan et al.: singular values from 0.01 up come near to 1, within 0.7 … 1.2.
constexpr float kLinear = 3.4445f, kCubic = -4.7750f, kQuintic = 2.0315f;
constexpr double kLeastNorm = 1e-7;
// Elements that are worth a thread's while.
constexpr int64_t kGrain = 1 << 14;

// A momentum, and its direction, which is written to x.
void Direction(const MuonArgs& args, float* x, ThreadPool& pool) {
  const float keep = static_cast<float>(args.momentum), take = static_cast<float>(1 - args.momentum);
  const float gradient_scale = static_cast<float>(args.gradient_scale);
  pool.ParallelFor(args.rows * args.columns, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float taken = take * (args.gradients[i] * gradient_scale);
      args.m[i] = keep * args.m[i] + taken;
      x[i] = keep * args.m[i] + taken;
    }
  });
}

void Scale(float* x, int64_t count, float factor, ThreadPool& pool) {
  pool.ParallelFor(count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) x[i] *= factor;
  });
}

void Copy(const float* from, float* to, int64_t count, ThreadPool& pool) {
  pool.ParallelFor(count, kGrain, [&](int64_t begin, int64_t end) {
    std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin) * sizeof(float));
  });
}

// x ← a·x + (b·G + c·G²)·x with G = x·xᵀ; of a matrix with more rows than columns, a·x + x·(b·G + c·G²) with G = xᵀ·x,
// which is the same with the smaller G. Returns where the result is: x, or the memory after it.
class NewtonSchulz {
 public:
  // `scratch` has ScratchFloats.
  NewtonSchulz(int64_t rows, int64_t columns, Precision precision, float* scratch, ThreadPool& pool)
      : rows_(rows), columns_(columns), side_(std::min(rows, columns)), precision_(precision), pool_(pool) {
    x_ = scratch;
    next_ = x_ + rows * columns;
    gram_ = next_ + rows * columns;
    polynomial_ = gram_ + side_ * side_;
  }

  static int64_t ScratchFloats(int64_t rows, int64_t columns) {
    const int64_t side = std::min(rows, columns);
    return 2 * rows * columns + 2 * side * side;
  }

  float* x() const { return x_; }

  void Iterate() {
    const bool is_tall = rows_ > columns_;
    const int64_t length = std::max(rows_, columns_);
    const MatrixView plain{x_, DType::kFp32, columns_, 1}, transposed{x_, DType::kFp32, 1, columns_};
    const MatrixView gram{gram_, DType::kFp32, side_, 1}, polynomial{polynomial_, DType::kFp32, side_, 1};
    Product(side_, side_, length, is_tall ? transposed : plain, is_tall ? plain : transposed, gram_, 1, 0);
    Copy(gram_, polynomial_, side_ * side_, pool_);
    Product(side_, side_, side_, gram, gram, polynomial_, kQuintic, kCubic);
    Copy(x_, next_, rows_ * columns_, pool_);
    Product(rows_, columns_, side_, is_tall ? plain : polynomial, is_tall ? polynomial : plain, next_, 1, kLinear);
    std::swap(x_, next_);
  }

 private:
  void Product(int64_t m, int64_t n, int64_t k, const MatrixView& a, const MatrixView& b, float* c, float alpha,
               float beta) {
    GemmArgs args{};
    args.m = m;
    args.n = n;
    args.k = k;
    args.a = a;
    args.b = b;
    args.c = {c, DType::kFp32, n};
    args.alpha = alpha;
    args.beta = beta;
    args.precision = precision_;
    Gemm(args, &pool_);
  }

  int64_t rows_, columns_, side_;
  Precision precision_;
  ThreadPool& pool_;
  float *x_, *next_, *gram_, *polynomial_;
};

}  // namespace

void Muon(const MuonArgs& args, ThreadPool& pool) {
  static thread_local Scratch scratch;
  const int64_t count = args.rows * args.columns;
  float* floats = scratch.Floats(static_cast<size_t>(NewtonSchulz::ScratchFloats(args.rows, args.columns)));
  NewtonSchulz iterations(args.rows, args.columns, args.precision, floats, pool);
  Direction(args, iterations.x(), pool);
  const double norm = std::sqrt(SumOfSquares(iterations.x(), count, pool));
  Scale(iterations.x(), count, static_cast<float>(1 / (norm + kLeastNorm)), pool);
  for (int i = 0; i < kIterations; ++i) iterations.Iterate();
  const float* direction = iterations.x();
  const float decay = static_cast<float>(args.lr * args.weight_decay), rate = static_cast<float>(args.lr * args.scale);
  pool.ParallelFor(count, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float step = rate * direction[i] + decay * args.weights[i];
      args.weights[i] -= step;
    }
  });
  if (args.half == nullptr) return;
  ToHalf({args.weights, args.columns, args.half, args.half_stride, args.rows, args.columns, args.transpose}, pool);
}

}  // namespace mayfly
