// Functions between MAYFLY_BEGIN_TARGET("avx2,fma") and MAYFLY_END_TARGET are compiled for these instructions. Include
// other headers before: an inline function of theirs that is compiled between the two may be the one that the linker
// keeps for the whole program, and processors without these instructions would run it.
#pragma once

#define MAYFLY_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define MAYFLY_BEGIN_TARGET(set) MAYFLY_PRAGMA(clang attribute push(__attribute__((target(set))), apply_to = function))
#define MAYFLY_END_TARGET MAYFLY_PRAGMA(clang attribute pop)
#else
#define MAYFLY_BEGIN_TARGET(set) MAYFLY_PRAGMA(GCC push_options) MAYFLY_PRAGMA(GCC target(set))
#define MAYFLY_END_TARGET MAYFLY_PRAGMA(GCC pop_options)
#endif
