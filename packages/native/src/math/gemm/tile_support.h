// Whether a process may use Intel AMX's tiles.
#pragma once

namespace mayfly::amx {

// CPUID announces tiles of bf16, and the system, which is asked once, lets this process use them.
bool TilesPermitted();

// CPUID announces products of fp16 tiles (AMX-FP16).
bool Fp16Announced();

}  // namespace mayfly::amx
