// One turn of a loop that waits for another thread or process without sleeping.
#pragma once

namespace mayfly {

// Tells the processor that this loop waits, so that it saves power and leaves its units to the core's other thread.
inline void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

}  // namespace mayfly
