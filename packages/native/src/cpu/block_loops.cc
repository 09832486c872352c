#include "cpu/block_loops.h"

#include "math/simd/isa.h"

namespace mayfly::cpu {

const BlockLoops& CurrentBlockLoops() {
#if defined(__x86_64__)
  switch (CurrentIsa()) {
    case Isa::kAmx:
    case Isa::kAvx512: return avx512::kBlockLoops;
    case Isa::kAvx2: return avx2::kBlockLoops;
    default: break;
  }
#endif
  return portable::kBlockLoops;
}

}  // namespace mayfly::cpu
