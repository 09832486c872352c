#if defined(__aarch64__)

#include "math/simd/simd_neon.h"
#include "math/simd/vector_loops.h"

namespace mayfly::neon {

const VectorLoops kLoops = MakeVectorLoops<Simd>();

}  // namespace mayfly::neon

#endif
