#include "ane/chip.h"

#include "ane/foundation.h"
#include "ane/framework.h"

namespace mayfly::ane {

std::string ChipName() {
  if (!ProbeFramework().Has(Capability::kChip)) return "";
  const AutoreleasePool pool;
  return Utf8(Send(ObjcRuntime::Get().ClassNamed("_ANEDeviceInfo"), "aneSubType"));
}

bool HasEngine() {
  if (!ProbeFramework().Has(Capability::kEngine)) return true;
  const AutoreleasePool pool;
  return Send<Bool>(ObjcRuntime::Get().ClassNamed("_ANEDeviceInfo"), "hasANE") != 0;
}

}  // namespace mayfly::ane
