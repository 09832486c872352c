#include "math/simd/simd_avx2.h"
#include "math/simd/vector_loops.h"

namespace mayfly::avx2 {

const VectorLoops kLoops = MakeVectorLoops<Simd>();

}  // namespace mayfly::avx2
