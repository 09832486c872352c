// Devices by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "device/device.h"

namespace mayfly {

// Throws ERR_DEVICE_UNAVAILABLE, naming the devices there are.
std::unique_ptr<Device> OpenDevice(const std::string& name, const DeviceOptions& options);

// Names that OpenDevice accepts on this machine.
std::vector<std::string> DeviceNames();

}  // namespace mayfly
