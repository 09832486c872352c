#include "device/device_table.h"

#include "error.h"

namespace mayfly {

std::unique_ptr<Device> DeviceTable::Open(const std::string& name, const DeviceOptions& common,
                                          const Napi::Object& options) const {
  std::string names;
  for (const Entry& entry : entries_) {
    if (name == entry.name) return entry.open(common, options);
    names += names.empty() ? entry.name : std::string(", ") + entry.name;
  }
  throw Error("ERR_DEVICE_UNAVAILABLE", "Expected a device among " + names + ", got `" + name + "`");
}

std::vector<std::string> DeviceTable::AvailableNames() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_) {
    if (entry.is_available == nullptr || entry.is_available()) names.push_back(entry.name);
  }
  return names;
}

}  // namespace mayfly
