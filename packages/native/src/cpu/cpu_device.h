// The embedded CPU engine: fp16 storage, fp32 accumulation, SIMD. Results do not depend on the thread count.
#pragma once

#include <memory>

#include "device/device.h"

namespace mayfly {

std::unique_ptr<Device> OpenCpuDevice(const DeviceOptions& options);

}  // namespace mayfly
