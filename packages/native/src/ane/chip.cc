#include "ane/chip.h"

#include "ane/foundation.h"
#include "ane/framework.h"

namespace mayfly::ane {

std::string ChipName() {
  if (!ProbeFramework().Has(Capability::kChip)) return "";
  const AutoreleasePool pool;
  return Utf8(Send(ObjcRuntime::Get().ClassNamed("_ANEDeviceInfo"), "aneSubType"));
}

}  // namespace mayfly::ane
