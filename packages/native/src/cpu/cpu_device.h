// The embedded CPU engine: fp16 storage, fp32 accumulation, SIMD. Results do not depend on the thread count.
#pragma once

#include <memory>

#include "cpu/engine.h"
#include "device/device.h"
#include "mil/typed_program.h"

namespace mayfly {

std::unique_ptr<Device> OpenCpuDevice(const DeviceOptions& options);

// Checks a program for a device that computes with this engine, and so must read it: ERR_INVALID_ARGUMENT if the
// options say otherwise. `device` is its name.
mil::TypedProgram ReadProgram(std::string_view text, const std::vector<mil::WeightFile>& weights,
                              const CompileOptions& options, const char* device);

// Plans a checked program for this engine; for devices that compute with it.
std::unique_ptr<Program> CompileOnCpu(const mil::TypedProgram& program, std::shared_ptr<cpu::Engine> engine);

}  // namespace mayfly
