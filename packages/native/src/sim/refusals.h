// Patterns of programs that a stand-in is told to refuse, as some machines are reported to: docs/topics/variants.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mil/typed_program.h"

namespace mayfly::sim {

enum class RefusedAt {
  kCompile,
  kLoad,
  kEvaluate,
  // Evaluations succeed, and all outputs are zero.
  kZeros,
  // Evaluations succeed, and sigmoid is read from a coarse table.
  kTable,
};

struct Refusal {
  RefusedAt at;
  // What the pattern found, in the compiler's words where they are known.
  std::string reason;
};

// One entry of a list: `pattern[=N][@phase][/elements]`. The patterns and the phase of each are in refusals.cc; with
// `elements`, only programs whose inputs have that many elements together are refused.
class RefusedPattern {
 public:
  // Throws ERR_INVALID_ARGUMENT for an unknown pattern, phase or number.
  static RefusedPattern Parse(std::string_view entry);

  std::optional<Refusal> Find(const mil::TypedProgram& program) const;

 private:
  size_t pattern_ = 0;
  int64_t limit_ = 0;
  std::string name_;
  RefusedAt at_ = RefusedAt::kCompile;
  int64_t least_elements_ = 0;
};

// Entries between commas.
std::vector<RefusedPattern> ParseRefusedPatterns(std::string_view list);

// The first refusal of a list that applies to a program.
std::optional<Refusal> RefusalOf(const mil::TypedProgram& program, const std::vector<RefusedPattern>& patterns);

// Points of the table of RefusedAt::kTable: lines between them are off by up to 0.05.
constexpr float kCoarseTable = 9;

}  // namespace mayfly::sim
