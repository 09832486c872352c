// MIL text in either dialect: program(1.3) with string("x"), int32(1), and program(1.0) with tensor<int32, []>(1).
#pragma once

#include <string_view>

#include "mil/ast.h"

namespace mayfly::mil {

// Limits of the accepted text, so that the cost of parsing grows with its length only.
constexpr size_t kMaxTextBytes = size_t{64} << 20;
constexpr size_t kMaxStatements = 65'536;
constexpr int kMaxListDepth = 16;

// Parses a program of one function. The result has views into `text`. Throws ERR_MIL_SYNTAX or ERR_MIL_UNSUPPORTED.
Function ParseProgram(std::string_view text);

// The value of a string token, with its escapes decoded.
std::string Unescape(std::string_view text);

}  // namespace mayfly::mil
