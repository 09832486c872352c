// The compiler's own header of x86 instructions.
#pragma once

// GCC 12 warns of its own header's deliberately undefined operands (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#include <immintrin.h>
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

// For MAYFLY_BEGIN_TARGET: AVX-512 as of Skylake-X, which the sets above it begin with.
#define MAYFLY_AVX512_FEATURES "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"
#if defined(__clang__)
#define MAYFLY_AVX512 MAYFLY_AVX512_FEATURES
#else
#define MAYFLY_AVX512 MAYFLY_AVX512_FEATURES ",prefer-vector-width=512"
#endif
