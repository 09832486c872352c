#include "math/adamw.h"

#include <cmath>

#include "math/vector_loops.h"

namespace mayfly {

void Adamw(const AdamwArgs& args, ThreadPool& pool) {
  const double steps = static_cast<double>(args.step);
  AdamwStep step;
  step.gradient_scale = static_cast<float>(args.gradient_scale);
  step.keep_m = static_cast<float>(args.beta1);
  step.take_m = static_cast<float>(1 - args.beta1);
  step.keep_v = static_cast<float>(args.beta2);
  step.take_v = static_cast<float>(1 - args.beta2);
  step.decay = static_cast<float>(args.lr * args.weight_decay);
  step.rate = static_cast<float>(args.lr / (1 - std::pow(args.beta1, steps)));
  step.correct_v = static_cast<float>(1 / (1 - std::pow(args.beta2, steps)));
  step.eps = static_cast<float>(args.eps);
  const VectorLoops& loops = CurrentLoops();
  pool.ParallelFor(args.count, 1 << 14, [&](int64_t begin, int64_t end) {
    loops.adamw(step, args.weights + begin, args.gradients + begin, args.m + begin, args.v + begin, end - begin);
  });
}

}  // namespace mayfly
