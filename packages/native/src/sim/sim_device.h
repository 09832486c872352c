// The cpu device with the limits, errors, faults, arithmetic and clock of a chip: docs/internals/simulator.md.
#pragma once

#include <memory>

#include "device/device.h"
#include "sim/sim_settings.h"

namespace mayfly::sim {

// `threads` as in DeviceOptions.
std::unique_ptr<Device> OpenDevice(const Settings& settings, int threads);

}  // namespace mayfly::sim
