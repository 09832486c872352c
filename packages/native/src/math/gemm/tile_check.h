// A first product by every tile kernel of a process, compared with plain arithmetic.
#pragma once

namespace mayfly::amx {

// Whether the kernels give what they should. Needs TilesPermitted().
bool TilesComputeRight();

}  // namespace mayfly::amx
