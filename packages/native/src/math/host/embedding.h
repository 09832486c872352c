// Token embedding into channel-first activations and its gradient.
#pragma once

#include <cstdint>
#include <vector>

#include "parallel/thread_pool.h"

namespace mayfly {

// out[d, n] = table[tokens[n], d]; table [vocab, dim], out [dim, tokens.size()]. Tokens must be checked (ReadTokens).
void Embed(const float* table, const std::vector<int32_t>& tokens, float* out, int64_t dim, ThreadPool& pool);

// table_gradient[tokens[n], d] += gradient[d, n], in order of n.
void EmbedBackward(const float* gradient, const std::vector<int32_t>& tokens, float* table_gradient, int64_t dim,
                   ThreadPool& pool);

}  // namespace mayfly
