// The Neural Engine, through AppleNeuralEngine.framework: docs/ane.md.
#pragma once

#include <memory>
#include <string>

#include "device/device.h"

namespace mayfly {

// Throws ERR_DEVICE_UNAVAILABLE, naming what is missing.
std::unique_ptr<Device> OpenAneDevice();

struct Availability {
  bool available;
  // Why not; empty if it is.
  std::string reason;
};

// Whether OpenAneDevice has what it needs, found without compiling anything.
Availability AneAvailability();

}  // namespace mayfly
