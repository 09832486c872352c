#include "devices.h"

#include "ane/ane_device.h"
#include "cpu/cpu_device.h"
#include "sim/sim_binding.h"

namespace mayfly {

const DeviceTable& Devices() {
  static const DeviceTable table({
      {"cpu", [](const DeviceOptions& common, const Napi::Object&) { return OpenCpuDevice(common); }, nullptr},
      {"sim", OpenSimDevice, nullptr},
      {"ane", [](const DeviceOptions&, const Napi::Object&) { return OpenAneDevice(); },
       [] { return AneAvailability().available; }},
  });
  return table;
}

}  // namespace mayfly
