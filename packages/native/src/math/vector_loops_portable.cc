#include "math/simd_portable.h"
#include "math/vector_loops.h"

namespace mayfly::portable {

const VectorLoops kLoops = MakeVectorLoops<Simd>();

}  // namespace mayfly::portable
