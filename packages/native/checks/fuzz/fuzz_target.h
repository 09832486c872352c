// What libFuzzer calls, and what replay_main.cc calls where there is none. An input is wrong only if this crashes.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// Ends the process where a result is wrong though nothing crashed.
#define FUZZ_EXPECT(condition) \
  if (!(condition)) __builtin_trap()
