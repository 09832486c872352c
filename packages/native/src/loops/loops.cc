#include "loops/loops.h"

#include "math/gemm/gemm_choice.h"
#include "math/simd/half.h"
#include "math/simd/isa.h"

namespace mayfly {

namespace avx512 {
extern const Loops kLoops;
}
namespace avx2 {
extern const Loops kLoops;
}
namespace neon {
extern const Loops kLoops;
}
namespace portable {
extern const Loops kLoops;
}

namespace {

const Loops& LoopsInUse() {
  switch (CurrentIsa()) {
#if defined(__x86_64__)
    case Isa::kAvx512: return avx512::kLoops;
    case Isa::kAvx2: return avx2::kLoops;
#elif defined(__aarch64__)
    case Isa::kNeon: return neon::kLoops;
#endif
    default: return portable::kLoops;
  }
}

}  // namespace

const GemmKernel& VectorKernel() { return LoopsInUse().gemm; }
const MatrixVectorLoops& CurrentMatrixVectorLoops() { return LoopsInUse().matrix_vector; }
const VectorLoops& CurrentLoops() { return LoopsInUse().vectors; }
const cpu::BlockLoops& cpu::CurrentBlockLoops() { return LoopsInUse().blocks; }

void HalfToFloat(const uint16_t* from, float* to, int64_t count) { CurrentLoops().half_to_float(from, to, count); }
void FloatToHalf(const float* from, uint16_t* to, int64_t count) { CurrentLoops().float_to_half(from, to, count); }

}  // namespace mayfly
