// Intel AMX as the processor and the system offer it. Tests replace this file by a model (emulator/tiles).
#include "math/simd/isa.h"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace mayfly {
namespace {

// Linux saves the tiles of a process that has asked for them only: they make every context larger by 8 KiB.
// Documentation/arch/x86/xstate.rst
constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
constexpr long kTileData = 18;               // XFEATURE_XTILEDATA

bool AskPermission() {
  constexpr uint32_t kTilesSaved = 3u << 17;                    // XCR0
  constexpr uint32_t kAmxBf16 = 1u << 22, kAmxTile = 1u << 24;  // leaf 7, EDX
  uint32_t eax, ebx, ecx, edx, saved, high;
  if (!__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) return false;
  if ((edx & (kAmxBf16 | kAmxTile)) != (kAmxBf16 | kAmxTile)) return false;
  __asm__ volatile("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  return (saved & kTilesSaved) == kTilesSaved && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

bool HasTiles() {
  static const bool permitted = AskPermission();
  return permitted;
}

bool HasFp16Tiles() {
  constexpr uint32_t kAmxFp16 = 1u << 21;  // leaf 7.1, EAX
  uint32_t eax, ebx, ecx, edx;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax & kAmxFp16) != 0;
}

}  // namespace mayfly

#else

namespace mayfly {

bool HasTiles() { return false; }
bool HasFp16Tiles() { return false; }

}  // namespace mayfly

#endif
