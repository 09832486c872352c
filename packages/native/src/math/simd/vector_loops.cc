#include "math/simd/vector_loops.h"

#include "math/simd/isa.h"

namespace mayfly {

const VectorLoops& CurrentLoops() {
  switch (CurrentIsa()) {
#if defined(__x86_64__)
    case Isa::kAmx:
    case Isa::kAvx512: return avx512::kLoops;
    case Isa::kAvx2: return avx2::kLoops;
#elif defined(__aarch64__)
    case Isa::kNeon: return neon::kLoops;
#endif
    default: return portable::kLoops;
  }
}

}  // namespace mayfly
