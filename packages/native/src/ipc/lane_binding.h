#pragma once

#include <napi.h>

#include <memory>

#include "ipc/lane.h"

namespace mayfly {

// Wraps a lane for JavaScript, which passes it from `spawn` to `connect`.
Napi::Value WrapLane(Napi::Env env, std::shared_ptr<Lane> lane);
// Moves the lane out of its wrapper, so that its memory is freed with the connection: the garbage collector may keep
// the small wrapper for long. Null for undefined. Throws ERR_INVALID_ARGUMENT.
std::shared_ptr<Lane> TakeLane(const Napi::Value& value);

}  // namespace mayfly
