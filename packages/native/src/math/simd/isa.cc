#include "math/simd/isa.h"

#include <cstdint>
#include <cstdlib>
#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "error.h"

namespace mayfly {
namespace {

// Read as the addon is loaded: a thread that first computes later would race with an assignment to process.env.
const std::string wanted_isa = [] {
  const char* value = std::getenv("MAYFLY_ISA");
  return std::string(value == nullptr ? "" : value);
}();

#if defined(__x86_64__)

// Which register states the system saves (XCR0): without that, a processor's vectors are of no use.
uint32_t SavedStates() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

bool HasAll(uint32_t value, uint32_t bits) { return (value & bits) == bits; }

bool HasAvx2() {
  constexpr uint32_t kFma = 1u << 12, kXsave = 1u << 27, kAvx = 1u << 28, kF16c = 1u << 29;  // leaf 1, ECX
  constexpr uint32_t kAvx2 = 1u << 5;                                                        // leaf 7, EBX
  constexpr uint32_t kYmmSaved = 0x6;
  uint32_t eax, ebx, ecx, edx;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !HasAll(ecx, kFma | kXsave | kAvx | kF16c)) return false;
  return HasAll(SavedStates(), kYmmSaved) && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && HasAll(ebx, kAvx2);
}

bool HasAvx512() {
  constexpr uint32_t kF = 1u << 16, kDq = 1u << 17, kBw = 1u << 30, kVl = 1u << 31;  // leaf 7, EBX
  constexpr uint32_t kZmmSaved = 0xe6;
  uint32_t eax, ebx, ecx, edx;
  return HasAvx2() && __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && HasAll(ebx, kF | kDq | kBw | kVl) &&
         HasAll(SavedStates(), kZmmSaved);
}

bool AnnouncesAvx512Bf16() {
  uint32_t eax, ebx, ecx, edx;
  return HasAvx512() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && HasAll(eax, 1u << 5);
}

// The tile kernels round to bf16 in vectors.
bool HasAmx() { return AnnouncesAvx512Bf16() && HasTiles(); }

#else

bool AnnouncesAvx512Bf16() { return false; }

#endif

bool Always() { return true; }

struct Set {
  const char* name;
  Isa vectors;
  bool tiles;
  bool (*is_offered)();
};

// The best first.
constexpr Set kSets[] = {
#if defined(__x86_64__)
    {"amx", Isa::kAvx512, true, HasAmx},
    {"avx512", Isa::kAvx512, false, HasAvx512},
    {"avx2", Isa::kAvx2, false, HasAvx2},
#elif defined(__aarch64__)
    {"neon", Isa::kNeon, false, Always},
#endif
    {"portable", Isa::kPortable, false, Always},
};

const Set& ChooseSet() {
  std::string offered;
  for (const Set& set : kSets) {
    if (!set.is_offered()) continue;
    if (wanted_isa.empty() || wanted_isa == set.name) return set;
    offered += std::string(offered.empty() ? "" : ", ") + set.name;
  }
  throw Error("ERR_INVALID_ARGUMENT",
              "Expected MAYFLY_ISA to be one of this processor's (" + offered + "), got `" + wanted_isa + "`");
}

const Set& CurrentSet() {
  static const Set& set = ChooseSet();
  return set;
}

}  // namespace

Isa CurrentIsa() { return CurrentSet().vectors; }

bool HasAvx512Bf16() { return CurrentIsa() == Isa::kAvx512 && AnnouncesAvx512Bf16(); }

bool MayUseTiles() { return CurrentSet().tiles; }

const char* NameOf(Isa isa) {
  for (const Set& set : kSets) {
    if (set.vectors == isa && !set.tiles) return set.name;
  }
  return "?";
}

}  // namespace mayfly
