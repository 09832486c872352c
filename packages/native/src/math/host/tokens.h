// Token ids out of shared memory.
#pragma once

#include <cstdint>
#include <vector>

namespace mayfly {

// A checked copy: nobody can change it between the check and the use. Ids begin at `least`; `name` is for the message.
// Throws ERR_TOKEN_RANGE, naming the first bad position, its id and the vocabulary's size.
std::vector<int32_t> ReadTokens(const int32_t* tokens, int64_t count, int64_t vocab, const char* name,
                                int32_t least = 0);

}  // namespace mayfly
