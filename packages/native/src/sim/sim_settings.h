// Settings of a simulated Neural Engine: limits, faults and a verdict on each program. lib/chips decides all of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/numerics.h"
#include "sim/refusals.h"

namespace mayfly::sim {

enum class FaultKind { kHang, kCrash, kAbort, kExit, kZeros, kError, kLoad, kLeak };

// A fault that strikes at listed counts, at every n-th count, from a count on, or with a probability.
struct Fault {
  FaultKind kind;
  std::vector<uint64_t> at;
  uint64_t every = 0;
  uint64_t from = 0;
  double probability = 0;
  // The exit code of kExit.
  int code = 0;
};

// How a program fares on the chip.
struct Verdict {
  // The error of compiling or loading; empty for none.
  std::string error_code;
  std::string error_message;
  // The error of every evaluation; empty for none.
  std::string evaluate_error;
  // Evaluations succeed, and all outputs are zero.
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
  // Bytes of weights that all loaded programs may have together.
  uint64_t program_bytes;
  // Whether to report the nanoseconds of the timing model instead of those that the cpu device takes.
  bool clock = false;
  // None: as on the cpu device.
  std::optional<Numerics> numerics;
  std::vector<Fault> open_faults;
  std::vector<Fault> compile_faults;
  std::vector<Fault> evaluate_faults;
  std::vector<Fault> unload_faults;
  // Programs to refuse by their form.
  std::vector<RefusedPattern> refused;
  uint64_t teardown_milliseconds = 0;
  // Of faults with a probability; none: another one in each process.
  std::optional<uint64_t> seed;
  // Called on the thread that compiles.
  std::function<Verdict(std::string_view text, const std::string& function)> judge;
};

}  // namespace mayfly::sim
