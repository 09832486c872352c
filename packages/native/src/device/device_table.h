// Devices by name. The table itself is in devices.cc, beside the addon's entry: this folder knows no device.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "device/device.h"

namespace mayfly {

class DeviceTable {
 public:
  struct Entry {
    const char* name;
    // Opens the device. `options` are those of openDevice, for what only this device knows.
    std::unique_ptr<Device> (*open)(const DeviceOptions& common, const Napi::Object& options);
    // Whether this machine has the device; null: every machine has.
    bool (*is_available)();
  };

  explicit DeviceTable(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  // Throws ERR_DEVICE_UNAVAILABLE with a list of the names.
  std::unique_ptr<Device> Open(const std::string& name, const DeviceOptions& common, const Napi::Object& options) const;
  // The devices that this machine has.
  std::vector<std::string> AvailableNames() const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace mayfly
