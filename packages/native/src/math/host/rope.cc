#include "math/host/rope.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "math/host/vector_loops.h"

namespace mayfly {
namespace {

// Cosines and sines [head_dim / 2, sequence] of one model.
class RotaryTable {
 public:
  // The calling thread's, made anew when the shape changes.
  static const RotaryTable& For(int64_t head_dim, int64_t sequence, double base) {
    thread_local RotaryTable table;
    const bool same = table.head_dim_ == head_dim && table.sequence_ == sequence && table.base_ == base;
    if (!same) table.Fill(head_dim, sequence, base);
    return table;
  }

  const float* cosines(int64_t pair) const { return cosines_.data() + pair * sequence_; }
  const float* sines(int64_t pair) const { return sines_.data() + pair * sequence_; }

 private:
  void Fill(int64_t head_dim, int64_t sequence, double base) {
    head_dim_ = 0;
    const int64_t pairs = head_dim / 2;
    cosines_.resize(pairs * sequence);
    sines_.resize(pairs * sequence);
    for (int64_t pair = 0; pair < pairs; ++pair) {
      const double frequency = std::pow(base, -2.0 * static_cast<double>(pair) / static_cast<double>(head_dim));
      for (int64_t position = 0; position < sequence; ++position) {
        const double angle = static_cast<double>(position) * frequency;
        cosines_[pair * sequence + position] = static_cast<float>(std::cos(angle));
        sines_[pair * sequence + position] = static_cast<float>(std::sin(angle));
      }
    }
    head_dim_ = head_dim;
    sequence_ = sequence;
    base_ = base;
  }

  int64_t head_dim_ = 0;
  int64_t sequence_ = 0;
  double base_ = 0;
  std::vector<float> cosines_;
  std::vector<float> sines_;
};

}  // namespace

void Rope(const RopeArgs& args, ThreadPool& pool) {
  const VectorLoops& loops = CurrentLoops();
  const int64_t pairs = args.head_dim / 2;
  const RotaryTable& table = RotaryTable::For(args.head_dim, std::min(args.sequence, args.columns), args.base);
  const int64_t grain = std::max<int64_t>(1, 8192 / args.columns);
  pool.ParallelFor(args.heads * pairs, grain, [&](int64_t begin, int64_t end) {
    for (int64_t index = begin; index < end; ++index) {
      const int64_t head = index / pairs, pair = index % pairs;
      const int64_t first = head * args.head_dim + (args.halves ? pair : 2 * pair);
      float* a = args.x + first * args.columns;
      float* b = a + (args.halves ? pairs : 1) * args.columns;
      for (int64_t n = 0; n < args.columns; n += args.sequence) {
        const int64_t count = std::min(args.sequence, args.columns - n);
        loops.rotate_pairs(a + n, b + n, table.cosines(pair), table.sines(pair), args.inverse, count);
      }
    }
  });
}

}  // namespace mayfly
