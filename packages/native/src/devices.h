// Every device of this addon.
#pragma once

#include "device/device_table.h"

namespace mayfly {

const DeviceTable& Devices();

}  // namespace mayfly
