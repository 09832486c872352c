// The inner loops of host math and of the cpu device, compiled once per instruction set from the *_loops.h headers.
#pragma once

#include <cstdint>

#include "math/gemm_loops.h"
#include "math/half_loops.h"

namespace mayfly {

struct VectorLoops {
  GemmLoops gemm;
  void (*half_to_float)(const uint16_t* from, float* to, int64_t count);
  void (*float_to_half)(const float* from, uint16_t* to, int64_t count);
};

template <class S>
constexpr VectorLoops MakeVectorLoops() {
  return {MakeGemmLoops<S>(), ConvertArray<S, uint16_t, float>, ConvertArray<S, float, uint16_t>};
}

namespace avx512 {
extern const VectorLoops kLoops;
}
namespace avx2 {
extern const VectorLoops kLoops;
}
namespace neon {
extern const VectorLoops kLoops;
}
namespace portable {
extern const VectorLoops kLoops;
}

// Those of CurrentIsa().
const VectorLoops& CurrentLoops();

}  // namespace mayfly
