// The embedded CPU engine: fp16 storage, fp32 accumulation, SIMD. Results do not depend on the thread count.
#pragma once

#include <memory>

#include "cpu/engine.h"
#include "device/device.h"
#include "mil/typed_program.h"

namespace mayfly {

std::unique_ptr<Device> OpenCpuDevice(const DeviceOptions& options);

// Plans a checked program for this engine; for devices that compute with it.
std::unique_ptr<Program> CompileOnCpu(const mil::TypedProgram& program, std::shared_ptr<cpu::Engine> engine);

}  // namespace mayfly
