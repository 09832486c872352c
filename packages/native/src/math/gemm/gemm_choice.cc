#include "math/gemm/gemm_choice.h"

#include "math/gemm/gemm_amx.h"
#include "math/gemm/gemm_bf16.h"
#include "math/gemm/tile_support.h"
#include "math/simd/isa.h"
#include "math/simd/vector_loops.h"

namespace mayfly {
namespace {

#if defined(__x86_64__)

// Null where fp16 tiles cannot be multiplied as they are.
const GemmKernel* NativeHalves() {
  static const GemmKernel* const kernel = amx::Fp16Announced() ? amx::AllKernels().native_halves : nullptr;
  return kernel;
}

const GemmKernel* TileKernel(bool halves, bool fast) {
  if (halves && NativeHalves() != nullptr) return NativeHalves();
  const amx::Kernels& kernels = amx::AllKernels();
  return fast ? kernels.bf16 : halves ? kernels.halves : kernels.floats;
}

// Null where there is none but in fp32 vectors.
const GemmKernel* SpecialKernel(bool halves, bool fast) {
  if (CurrentIsa() == Isa::kAmx) return TileKernel(halves, fast);
  return fast && HasFastBf16Vectors() ? avx512::Bf16Kernel() : nullptr;
}

#else

const GemmKernel* SpecialKernel(bool, bool) { return nullptr; }

#endif

}  // namespace

const GemmKernel& VectorKernel() { return CurrentLoops().gemm; }

const GemmKernel& ChooseKernel(const GemmArgs& args) {
  const bool halves = args.a.dtype == DType::kFp16 && args.b.dtype == DType::kFp16;
  const GemmKernel* special = SpecialKernel(halves, args.precision == Precision::kFast);
  return special != nullptr ? *special : VectorKernel();
}

const char* FastMatmul() {
#if defined(__x86_64__)
  if (CurrentIsa() == Isa::kAmx) return NativeHalves() != nullptr ? "amx-fp16" : "amx-bf16";
  if (HasFastBf16Vectors() && avx512::Bf16Kernel() != nullptr) return "avx512-bf16";
#endif
  return "exact";
}

}  // namespace mayfly
