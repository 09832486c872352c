#include "math/simd/simd_avx512.h"
#include "math/simd/vector_loops.h"

namespace mayfly::avx512 {

const VectorLoops kLoops = MakeVectorLoops<Simd>();

}  // namespace mayfly::avx512
