#include "cpu/block_loops_body.h"

namespace mayfly::cpu::avx2 {

struct Tag {};
const BlockLoops kBlockLoops = MakeBlockLoops<Tag>();

}  // namespace mayfly::cpu::avx2
