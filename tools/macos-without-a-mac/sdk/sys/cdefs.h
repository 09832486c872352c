// Declarations of macOS's C library that Mayfly's sources and libc++'s headers need, written for this check: names,
// types, layouts and constants as documented by POSIX, the manual pages and the ABI. They are no SDK and ship with
// nothing.
#pragma once

#ifdef __cplusplus
#define DARWIN_BEGIN extern "C" {
#define DARWIN_END }
#else
#define DARWIN_BEGIN
#define DARWIN_END
#endif

// On x86-64 the functions whose structures grew keep their old names for the old layout.
#ifdef __x86_64__
#define DARWIN_INODE64(name) __asm("_" #name "$INODE64")
#else
#define DARWIN_INODE64(name)
#endif
