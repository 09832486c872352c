// Shared by the programs of one device.
#pragma once

#include "cpu/shared_scratch.h"
#include "math/gemm/precision.h"
#include "parallel/thread_pool.h"

namespace mayfly::cpu {

struct Engine {
  Engine(int threads, Precision of_products, int64_t max_scratch_bytes = kMaxPlanBytes)
      : pool(threads), scratch(max_scratch_bytes), precision(of_products) {}

  ThreadPool pool;
  SharedScratch scratch;
  const Precision precision;
  // Of device sim: products of two elements below this magnitude are dropped from sums. 0 drops none.
  float product_floor = 0;
};

}  // namespace mayfly::cpu
