// The modelled processor has tiles of bf16; MAYFLY_TILE_MODEL=fp16 gives it those of fp16, too.
#include "math/gemm/tile_support.h"

#include <cstdlib>
#include <string>

namespace mayfly::amx {

bool TilesPermitted() { return true; }
bool Fp16Announced() {
  const char* model = std::getenv("MAYFLY_TILE_MODEL");
  return model != nullptr && std::string(model) == "fp16";
}

}  // namespace mayfly::amx
