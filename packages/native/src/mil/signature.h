// The ports of a program whose statements are not read, since only an engine knows them.
#pragma once

#include <string_view>
#include <vector>

#include "mil/ast.h"

namespace mayfly::mil {

struct Signature {
  std::vector<Declaration> parameters;
  std::vector<Declaration> results;
};

// Reads the parameters of function `main`, or of the first function, the names that it returns, and their declarations,
// which are the places in its body where a type stands before such a name. The result has views into `text`. Throws
// ERR_MIL_SYNTAX.
Signature ReadSignature(std::string_view text);

}  // namespace mayfly::mil
