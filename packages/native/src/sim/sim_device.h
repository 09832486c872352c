// The cpu device with the limits, errors, faults, arithmetic and clock of a chip: docs/simulator.md.
#pragma once

#include <memory>

#include "device/device.h"

namespace mayfly {

// Throws ERR_DEVICE_UNAVAILABLE without settings.
std::unique_ptr<Device> OpenSimDevice(const DeviceOptions& options);

}  // namespace mayfly
