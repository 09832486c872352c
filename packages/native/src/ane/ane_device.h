// The Neural Engine, used through AppleNeuralEngine.framework (docs/internals/ane.md).
#pragma once

#include <memory>
#include <string>

#include "device/device.h"

namespace mayfly {

// Throws ERR_DEVICE_UNAVAILABLE with the name of what is missing.
std::unique_ptr<Device> OpenAneDevice();

struct Availability {
  bool available;
  // The reason why it is not available; empty if it is.
  std::string reason;
};

// Whether OpenAneDevice has everything that it needs. Compiles nothing.
Availability AneAvailability();

}  // namespace mayfly
