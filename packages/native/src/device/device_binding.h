// An open device as a JavaScript object (NativeDevice in lib/contract.ts).
#pragma once

#include <napi.h>

#include <memory>

#include "device/session.h"

namespace mayfly {

// The session of a NativeDevice. Throws a JavaScript error for anything else, and for a closed device.
std::shared_ptr<DeviceSession> UnwrapDevice(const Napi::Value& value);

// An InputReuse of lib/contract.ts; none where undefined.
ReuseRanges ReuseOf(const Napi::Value& value);

}  // namespace mayfly
