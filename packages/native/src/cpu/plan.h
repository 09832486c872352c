// The plan of a program: nodes over buffers. Everything that Evaluate does is decided and allocated while compiling.
#pragma once

#include <memory>
#include <vector>

#include "cpu/buffer_table.h"
#include "cpu/engine.h"
#include "mil/typed_program.h"

namespace mayfly::cpu {

struct Plan {
  std::vector<std::unique_ptr<Node>> nodes;
  BufferTable buffers;
};

// Computes small values that depend on constants only. `engine` must outlive the plan. Throws ERR_MIL_UNSUPPORTED.
Plan MakePlan(const mil::TypedProgram& program, Engine* engine);

}  // namespace mayfly::cpu
