#include "math/gemm/gemm_choice.h"

#include "math/gemm/special_kernels.h"
#include "math/simd/isa.h"

namespace mayfly {
namespace {

#if defined(__x86_64__)

struct TileChoice {
  const amx::Kernels* kernels = nullptr;  // null: no product is multiplied in tiles
  const char* fault = nullptr;
};

TileChoice ChooseTiles() {
  const amx::Kernels& kernels = amx::AllKernels();
  if (!MayUseTiles() || kernels.halves == nullptr) return {};
  if (amx::TilesComputeRight()) return {&kernels, nullptr};
  return {nullptr, "AMX is announced, but its first product was wrong: matrix products use avx512"};
}

const TileChoice& Tiles() {
  static const TileChoice choice = ChooseTiles();
  return choice;
}

// Null if fp16 tiles cannot be multiplied as they are.
const GemmKernel* NativeHalves() {
  static const GemmKernel* const kernel = HasFp16Tiles() ? amx::AllKernels().native_halves : nullptr;
  return kernel;
}

const GemmKernel* TileKernel(const amx::Kernels& kernels, bool halves, bool fast) {
  if (halves && NativeHalves() != nullptr) return NativeHalves();
  return fast ? kernels.bf16 : halves ? kernels.halves : kernels.floats;
}

// Null if only fp32 vectors multiply.
const GemmKernel* SpecialKernel(bool halves, bool fast) {
  if (Tiles().kernels != nullptr) return TileKernel(*Tiles().kernels, halves, fast);
  return fast ? avx512bf16::FastKernel() : nullptr;
}

#else

const GemmKernel* SpecialKernel(bool, bool) { return nullptr; }

#endif

}  // namespace

const GemmKernel& ChooseKernel(const GemmArgs& args) {
  const bool halves = args.a.dtype == DType::kFp16 && args.b.dtype == DType::kFp16;
  const GemmKernel* special = SpecialKernel(halves, args.precision == Precision::kFast);
  return special != nullptr ? *special : VectorKernel();
}

const char* InstructionSet() {
#if defined(__x86_64__)
  if (Tiles().kernels != nullptr) return "amx";
#endif
  return NameOf(CurrentIsa());
}

const char* TileFault() {
#if defined(__x86_64__)
  return Tiles().fault;
#else
  return nullptr;
#endif
}

const char* FastMatmul() {
#if defined(__x86_64__)
  if (Tiles().kernels != nullptr) return NativeHalves() != nullptr ? "amx-fp16" : "amx-bf16";
  if (avx512bf16::FastKernel() != nullptr) return "avx512-bf16";
#endif
  return "exact";
}

}  // namespace mayfly
