// The instruction set in use, chosen once by CPUID; MAYFLY_ISA=avx512|avx2|portable lowers it (tests, benchmarks).
#pragma once

namespace mayfly {

enum class Isa { kPortable, kAvx2, kAvx512, kNeon };

Isa CurrentIsa();
const char* NameOf(Isa isa);

}  // namespace mayfly
