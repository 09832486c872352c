#pragma once

#include <napi.h>

#include <memory>

#include "ipc/lane.h"

namespace mayfly {

// A lane as JavaScript passes it from `spawn` to `connect`.
Napi::Value WrapLane(Napi::Env env, std::shared_ptr<Lane> lane);
// Null for undefined. Throws ERR_INVALID_ARGUMENT.
std::shared_ptr<Lane> UnwrapLane(const Napi::Value& value);

}  // namespace mayfly
