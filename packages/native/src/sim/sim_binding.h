// Settings of a simulated device from JavaScript (SimSettings in lib/contract.ts).
#pragma once

#include <napi.h>

#include <memory>

#include "sim/sim_settings.h"

namespace mayfly {

std::shared_ptr<const sim::Settings> SimSettingsOf(const Napi::Object& given);

}  // namespace mayfly
