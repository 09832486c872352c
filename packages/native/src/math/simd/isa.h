// The instruction set in use: the best that the processor announces by CPUID and whose registers the system saves.
// MAYFLY_ISA=amx|avx512|avx2|portable lowers it (tests, benchmarks).
#pragma once

namespace mayfly {

// Of vectors. Tiles (Intel AMX) are for matrix products only, beside kAvx512.
enum class Isa { kPortable, kAvx2, kAvx512, kNeon };

// Throws ERR_INVALID_ARGUMENT if MAYFLY_ISA names none that this processor has.
Isa CurrentIsa();
const char* NameOf(Isa isa);

// CurrentIsa() is kAvx512, and CPUID announces its products of bf16 (AVX512_BF16).
bool HasAvx512Bf16();

// Whether matrix products may use tiles: the processor has them, the system permits them, MAYFLY_ISA does not exclude
// them.
bool MayUseTiles();

// CPUID announces tiles of bf16, and the system, which is asked once, lets this process use them.
bool HasTiles();

// CPUID announces products of fp16 tiles (AMX-FP16).
bool HasFp16Tiles();

}  // namespace mayfly
