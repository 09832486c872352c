#include "cpu/block_loops_body.h"

namespace mayfly::cpu::portable {

struct Tag {};
const BlockLoops kBlockLoops = MakeBlockLoops<Tag>();

}  // namespace mayfly::cpu::portable
