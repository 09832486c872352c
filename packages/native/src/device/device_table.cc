#include "device/device_table.h"

#include "ane/ane_device.h"
#include "cpu/cpu_device.h"
#include "error.h"
#include "sim/sim_device.h"

namespace mayfly {
namespace {

struct Entry {
  const char* name;
  std::unique_ptr<Device> (*open)(const DeviceOptions&);
  // Whether this machine has it; null: every machine.
  bool (*available)();
};

constexpr Entry kDevices[] = {
    {"cpu", OpenCpuDevice, nullptr},
    {"sim", OpenSimDevice, nullptr},
    {"ane", OpenAneDevice, [] { return AneAvailability().available; }},
};

}  // namespace

std::unique_ptr<Device> OpenDevice(const std::string& name, const DeviceOptions& options) {
  std::string names;
  for (const Entry& entry : kDevices) {
    if (name == entry.name) return entry.open(options);
    names += names.empty() ? entry.name : std::string(", ") + entry.name;
  }
  throw Error("ERR_DEVICE_UNAVAILABLE", "Expected a device among " + names + ", got `" + name + "`");
}

std::vector<std::string> DeviceNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kDevices) {
    if (entry.available == nullptr || entry.available()) names.push_back(entry.name);
  }
  return names;
}

}  // namespace mayfly
