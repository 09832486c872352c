// The sum of several arrays by a fixed binary tree over their order.
#pragma once

#include <cstdint>
#include <vector>

namespace mayfly {

// to[i] = the sum of parts[0][i], parts[1][i], …: of n parts, those before the largest power of two below n and the
// others are summed by themselves and then added; the tree of sumByTree (core). `to` may be one of the parts.
void SumByTree(const std::vector<const float*>& parts, float* to, int64_t count);

}  // namespace mayfly
