// What a method takes and returns, read from its type encoding: a message sent with an argument of the wrong size or
// register class is undefined behaviour, so the kinds are compared before the first one is sent.
#pragma once

#include <string>

namespace mayfly::ane {

// One letter for the result and one for each argument, without receiver and selector: `v` nothing, `b` one byte (BOOL
// is a char or a bool, by system), `i` 32 bits, `q` 64 bits, `@` an object or class, `p` a pointer, `f` and `d`
// floating point,
// `?` anything else. `c28@0:8I16@20^@28` is `bi@p`.
std::string KindsOf(const std::string& encoding);

}  // namespace mayfly::ane
