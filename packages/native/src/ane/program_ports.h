// The inputs and outputs of a program, read from its text.
#pragma once

#include <string_view>
#include <vector>

#include "device/device.h"

namespace mayfly::ane {

struct ProgramPorts {
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  // Sentences about the weight files.
  std::vector<std::string> warnings = {};
};

// Checks the whole program, so that a mistake costs no compilation. Operations that only the engine knows are left to
// its compiler. Throws ERR_MIL_SYNTAX, ERR_MIL_TYPE or ERR_WEIGHT_BLOB.
ProgramPorts PortsOf(std::string_view text, const std::vector<mil::WeightFile>& weights);

// Reads nothing but the parameters of the function that the engine runs, the names that it returns, and where these are
// declared. Throws ERR_MIL_SYNTAX.
ProgramPorts UncheckedPortsOf(std::string_view text);

}  // namespace mayfly::ane
