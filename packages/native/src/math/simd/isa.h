// The instruction set in use, chosen once by CPUID; MAYFLY_ISA=amx|avx512|avx2|portable lowers it (tests, benchmarks).
#pragma once

namespace mayfly {

// kAmx has the vectors of kAvx512, and tiles for matrix products.
enum class Isa { kPortable, kAvx2, kAvx512, kAmx, kNeon };

Isa CurrentIsa();
const char* NameOf(Isa isa);

// Why an instruction set that the processor announces is not used, as a sentence; null where all is well.
const char* IsaFault();

// Whether CurrentIsa() has products of bf16 vectors that are faster than those of fp32: known by the processor's maker
// and family, not measured, so that one kind of processor computes one result. AMD's are twice as fast (Zen 4 and
// later), Intel's no faster.
bool HasFastBf16Vectors();

}  // namespace mayfly
