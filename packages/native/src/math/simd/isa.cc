#include "math/simd/isa.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "error.h"
#include "math/gemm/gemm_amx.h"
#include "math/gemm/tile_check.h"
#include "math/gemm/tile_support.h"

namespace mayfly {
namespace {

// Read as the addon is loaded: a thread that first computes later would race with an assignment to process.env.
const std::string wanted_isa = [] {
  const char* value = std::getenv("MAYFLY_ISA");
  return std::string(value == nullptr ? "" : value);
}();

const char* isa_fault = nullptr;  // written once, by the first CurrentIsa()

#if defined(__x86_64__)

// Which register states the system saves (XCR0): a processor's vectors are of no use where it does not.
uint32_t SavedStates() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

bool HasAll(uint32_t value, uint32_t bits) { return (value & bits) == bits; }

bool AnnouncesAvx512Bf16() {
  uint32_t eax, ebx, ecx, edx;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && HasAll(eax, 1u << 5);
}

bool TilesAreRight() {
  if (amx::TilesComputeRight()) return true;
  isa_fault = "AMX is announced, but its first product was wrong: matrix products use avx512";
  return false;
}

bool AnnouncesTiles() { return AnnouncesAvx512Bf16() && amx::AllKernels().halves != nullptr && amx::TilesPermitted(); }

Isa BestIsa() {
  constexpr uint32_t kFma = 1u << 12, kXsave = 1u << 27, kAvx = 1u << 28, kF16c = 1u << 29;           // leaf 1, ECX
  constexpr uint32_t kAvx2 = 1u << 5, kF = 1u << 16, kDq = 1u << 17, kBw = 1u << 30, kVl = 1u << 31;  // leaf 7, EBX
  constexpr uint32_t kYmmSaved = 0x6, kZmmSaved = 0xe6;
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return Isa::kPortable;
  if (!HasAll(ecx, kFma | kXsave | kAvx | kF16c) || !HasAll(SavedStates(), kYmmSaved)) return Isa::kPortable;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !HasAll(ebx, kAvx2)) return Isa::kPortable;
  if (!HasAll(ebx, kF | kDq | kBw | kVl) || !HasAll(SavedStates(), kZmmSaved)) return Isa::kAvx2;
  return AnnouncesTiles() && TilesAreRight() ? Isa::kAmx : Isa::kAvx512;
}

bool IsFastBf16Processor() {
  constexpr uint32_t kAuthenticAmd[] = {0x68747541, 0x69746e65, 0x444d4163};  // leaf 0: EBX, EDX, ECX
  constexpr uint32_t kZen4Family = 0x19;
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(0, &eax, &ebx, &ecx, &edx)) return false;
  if (ebx != kAuthenticAmd[0] || edx != kAuthenticAmd[1] || ecx != kAuthenticAmd[2]) return false;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return false;
  const uint32_t family = (eax >> 8 & 0xf) + (eax >> 20 & 0xff);
  return family >= kZen4Family && AnnouncesAvx512Bf16();
}

#else

#if defined(__aarch64__)
Isa BestIsa() { return Isa::kNeon; }
#else
Isa BestIsa() { return Isa::kPortable; }
#endif
bool IsFastBf16Processor() { return false; }

#endif

// Whether `best` includes `isa`.
bool Includes(Isa best, Isa isa) {
  const bool x86_vectors = best != Isa::kNeon && isa != Isa::kNeon;
  return isa == best || isa == Isa::kPortable || (x86_vectors && isa < best);
}

Isa ChooseIsa() {
  const Isa best = BestIsa();
  if (wanted_isa.empty()) return best;
  std::string offered;
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kAmx, Isa::kNeon}) {
    if (!Includes(best, isa)) continue;
    if (wanted_isa == NameOf(isa)) return isa;
    offered += std::string(offered.empty() ? "" : ", ") + NameOf(isa);
  }
  throw Error("ERR_INVALID_ARGUMENT",
              "Expected MAYFLY_ISA to be one of this processor's (" + offered + "), got `" + wanted_isa + "`");
}

}  // namespace

Isa CurrentIsa() {
  static const Isa isa = ChooseIsa();
  return isa;
}

const char* IsaFault() {
  CurrentIsa();
  return isa_fault;
}

bool HasFastBf16Vectors() {
  static const bool fast = CurrentIsa() == Isa::kAvx512 && IsFastBf16Processor();
  return fast;
}

const char* NameOf(Isa isa) {
  switch (isa) {
    case Isa::kPortable: return "portable";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kAmx: return "amx";
    case Isa::kNeon: return "neon";
  }
  return "?";
}

}  // namespace mayfly
