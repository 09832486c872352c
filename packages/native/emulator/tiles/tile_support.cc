// The modelled processor has tiles of bf16; MAYFLY_TILE_MODEL=fp16 gives it those of fp16, too.
#include <cstdlib>
#include <string>

#include "math/simd/isa.h"

namespace mayfly {

bool HasTiles() { return true; }
bool HasFp16Tiles() {
  const char* model = std::getenv("MAYFLY_TILE_MODEL");
  return model != nullptr && std::string(model) == "fp16";
}

}  // namespace mayfly
