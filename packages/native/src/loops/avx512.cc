// AVX-512 as of Skylake-X.
#if defined(__x86_64__)

#include "loops/loops.h"
#include "math/simd/intrinsics.h"
#include "math/simd/target.h"

MAYFLY_BEGIN_TARGET(MAYFLY_AVX512)

#include "loops/make_loops.h"
#include "math/simd/avx512.h"

namespace mayfly::avx512 {

extern const Loops kLoops = MakeLoops<Simd>();

}  // namespace mayfly::avx512

MAYFLY_END_TARGET

#endif
