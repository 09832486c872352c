// MIL text in either dialect: program(1.3) with string("x"), int32(1), and program(1.0) with tensor<int32, []>(1).
#pragma once

#include <string_view>

#include "mil/ast.h"

namespace mayfly::mil {

// Limits of the accepted text, so that the cost of parsing grows with its length only.
constexpr size_t kMaxTextBytes = size_t{64} << 20;
constexpr size_t kMaxStatements = 65'536;
constexpr size_t kMaxFunctions = 1024;
constexpr int kMaxListDepth = 16;

// Parses a program: its functions, of different names, in the order of the text, at least one. The result has views
// into `text`. Throws ERR_MIL_SYNTAX or ERR_MIL_UNSUPPORTED.
std::vector<Function> ParseProgram(std::string_view text);

// The function of that name; for an empty name `main`, or the first if there is no `main`. Throws ERR_INVALID_ARGUMENT.
const Function& ChooseFunction(const std::vector<Function>& functions, std::string_view name);

// The value of a string token, with its escapes decoded.
std::string Unescape(std::string_view text);

}  // namespace mayfly::mil
