#include "math/simd/simd_portable.h"
#include "math/simd/vector_loops.h"

namespace mayfly::portable {

const VectorLoops kLoops = MakeVectorLoops<Simd>();

}  // namespace mayfly::portable
