// Rotary position embedding (Su et al. 2021).
#pragma once

#include <cstdint>

#include "parallel/thread_pool.h"

namespace mayfly {

// x fp32 [heads · head_dim, columns], rotated in place; column n stands at position n mod sequence, and pair i of a
// head turns by position · base^(−2i / head_dim). A pair is channels (i, i + head_dim / 2) with `halves`, else (2i, 2i
// + 1).
struct RopeArgs {
  float* x;
  int64_t heads, head_dim, columns, sequence;
  double base;
  bool halves;
  bool inverse;
};
void Rope(const RopeArgs& args, ThreadPool& pool);

}  // namespace mayfly
