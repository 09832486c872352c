// The arena as a JavaScript object (NativeArena in lib/contract.ts).
#pragma once

#include <napi.h>

#include <memory>

#include "shm/arena.h"

namespace mayfly {

// The arena of a NativeArena. Throws a JavaScript error with code ERR_INVALID_ARGUMENT for anything else, and for a
// closed arena.
std::shared_ptr<Arena> UnwrapArena(const Napi::Value& value);

}  // namespace mayfly
