// A program as nodes over buffers: everything that Evaluate does, decided and allocated while compiling.
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

// What depends on constants only is computed at once. `engine` must outlive the plan. Throws ERR_MIL_UNSUPPORTED.
Plan MakePlan(const mil::TypedProgram& program, Engine* engine);

}  // namespace mayfly::cpu
