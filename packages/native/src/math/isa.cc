#include "math/isa.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "error.h"

namespace mayfly {
namespace {

#if defined(__x86_64__)

// Which register states the system saves (XCR0): a processor's vectors are of no use where it does not.
uint32_t SavedStates() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

Isa BestIsa() {
  constexpr uint32_t kFma = 1u << 12, kXsave = 1u << 27, kAvx = 1u << 28, kF16c = 1u << 29;          // leaf 1, ECX
  constexpr uint32_t kAvx2 = 1u << 5, kF = 1u << 16, kDq = 1u << 17, kBw = 1u << 30, kVl = 1u << 31;  // leaf 7, EBX
  constexpr uint32_t kYmmSaved = 0x6, kZmmSaved = 0xe6;
  const auto all = [](uint32_t value, uint32_t bits) { return (value & bits) == bits; };
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return Isa::kPortable;
  if (!all(ecx, kFma | kXsave | kAvx | kF16c) || !all(SavedStates(), kYmmSaved)) return Isa::kPortable;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) || !all(ebx, kAvx2)) return Isa::kPortable;
  return all(ebx, kF | kDq | kBw | kVl) && all(SavedStates(), kZmmSaved) ? Isa::kAvx512 : Isa::kAvx2;
}

#elif defined(__aarch64__)
Isa BestIsa() { return Isa::kNeon; }
#else
Isa BestIsa() { return Isa::kPortable; }
#endif

Isa ChooseIsa() {
  const Isa best = BestIsa();
  const char* wanted = std::getenv("MAYFLY_ISA");
  if (wanted == nullptr || *wanted == '\0') return best;
  std::string offered;
  for (Isa isa : {Isa::kPortable, Isa::kAvx2, Isa::kAvx512, Isa::kNeon}) {
    const bool present = isa == Isa::kPortable || isa == best || (isa == Isa::kAvx2 && best == Isa::kAvx512);
    if (!present) continue;
    if (std::string(wanted) == NameOf(isa)) return isa;
    offered += std::string(offered.empty() ? "" : ", ") + NameOf(isa);
  }
  throw Error("ERR_INVALID_ARGUMENT",
              "Expected MAYFLY_ISA to be one of this processor's (" + offered + "), got `" + wanted + "`");
}

}  // namespace

Isa CurrentIsa() {
  static const Isa isa = ChooseIsa();
  return isa;
}

const char* NameOf(Isa isa) {
  switch (isa) {
    case Isa::kPortable: return "portable";
    case Isa::kAvx2: return "avx2";
    case Isa::kAvx512: return "avx512";
    case Isa::kNeon: return "neon";
  }
  return "?";
}

}  // namespace mayfly
