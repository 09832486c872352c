// A simulated device from JavaScript's options (SimSettings in lib/contract.ts).
#pragma once

#include <napi.h>

#include <memory>

#include "device/device.h"

namespace mayfly {

// Reads the option `sim`. Throws ERR_INVALID_ARGUMENT, and ERR_DEVICE_UNAVAILABLE without it.
std::unique_ptr<Device> OpenSimDevice(const DeviceOptions& common, const Napi::Object& options);

}  // namespace mayfly
