// What a simulated Neural Engine is told: limits, faults and what to make of each program. lib/chips decides all of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/numerics.h"

namespace mayfly::sim {

enum class FaultKind { kHang, kCrash, kAbort, kExit, kZeros, kError, kLoad, kLeak };

// Strikes at the counts listed, at every n-th, from one on, or with a probability.
struct Fault {
  FaultKind kind;
  std::vector<uint64_t> at;
  uint64_t every = 0;
  uint64_t from = 0;
  double probability = 0;
  // Of kExit.
  int code = 0;
};

// What a program does on the chip.
struct Verdict {
  // Of compiling or loading; empty: none.
  std::string error_code;
  std::string error_message;
  // Of every evaluation; empty: none.
  std::string evaluate_error;
  // Evaluations succeed with zeros.
  bool zeros = false;
  // Tensors are bound to ports in alphabetical order of the names.
  bool inputs_by_name = false;
  bool outputs_by_name = false;
  uint64_t compile_nanoseconds = 0;
  uint64_t evaluate_nanoseconds = 0;
};

struct Settings {
  // As the user named it, e.g. "sim:m4".
  std::string name;
  uint64_t compilations;
  uint64_t live_programs;
  // Over all loaded programs.
  uint64_t program_bytes;
  // Report the clock's nanoseconds instead of those that the cpu device takes.
  bool clock = false;
  // None: as on the cpu device.
  std::optional<Numerics> numerics;
  std::vector<Fault> open_faults;
  std::vector<Fault> compile_faults;
  std::vector<Fault> evaluate_faults;
  std::vector<Fault> unload_faults;
  uint64_t teardown_milliseconds = 0;
  // None: the process's own.
  std::optional<uint64_t> seed;
  // Called where programs are compiled.
  std::function<Verdict(std::string_view text)> judge;
};

}  // namespace mayfly::sim
