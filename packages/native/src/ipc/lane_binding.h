#pragma once

#include <napi.h>

#include <memory>

#include "ipc/lane.h"

namespace mayfly {

// A lane as JavaScript passes it from `spawn` to `connect`.
Napi::Value WrapLane(Napi::Env env, std::shared_ptr<Lane> lane);
// Takes it out, so that its memory goes with the connection and not with JavaScript's object, which the garbage
// collector sees no hurry in. Null for undefined. Throws ERR_INVALID_ARGUMENT.
std::shared_ptr<Lane> TakeLane(const Napi::Value& value);

}  // namespace mayfly
