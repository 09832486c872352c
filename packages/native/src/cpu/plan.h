// A program as nodes over buffers: everything that Evaluate does, decided and allocated while compiling.
#pragma once

#include <memory>
#include <vector>

#include "cpu/buffer_table.h"
#include "math/precision.h"
#include "mil/typed_program.h"

namespace mayfly::cpu {

struct Plan {
  std::vector<std::unique_ptr<Node>> nodes;
  BufferTable buffers;
};

// `pool` runs what depends on constants only. Throws ERR_MIL_UNSUPPORTED.
Plan MakePlan(const mil::TypedProgram& program, ThreadPool* pool, Precision precision);

}  // namespace mayfly::cpu
