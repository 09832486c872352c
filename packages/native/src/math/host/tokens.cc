#include "math/host/tokens.h"

#include <string>

#include "error.h"

namespace mayfly {

std::vector<int32_t> ReadTokens(const int32_t* tokens, int64_t count, int64_t vocab, const char* name, int32_t least) {
  std::vector<int32_t> copy(tokens, tokens + count);
  for (int64_t i = 0; i < count; ++i) {
    if (copy[i] >= least && copy[i] < vocab) continue;
    throw Error("ERR_TOKEN_RANGE", std::string("Expected ") + name + "[" + std::to_string(i) + "] to be from " +
                                       std::to_string(least) + " to " + std::to_string(vocab - 1) +
                                       " (a vocabulary of " + std::to_string(vocab) + "), got " +
                                       std::to_string(copy[i]));
  }
  return copy;
}

}  // namespace mayfly
