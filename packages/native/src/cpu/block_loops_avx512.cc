#include "cpu/block_loops_body.h"

namespace mayfly::cpu::avx512 {

struct Tag {};
const BlockLoops kBlockLoops = MakeBlockLoops<Tag>();

}  // namespace mayfly::cpu::avx512
