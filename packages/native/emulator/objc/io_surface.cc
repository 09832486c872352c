// IOSurface.framework: surfaces are reference counted by CFRelease and are no Objective-C objects here.
#include "engine.h"
#include "objc/foundation.h"

#define EXPORT __attribute__((visibility("default")))

using namespace mayfly::emulator;

namespace {

uint64_t Property(const DictionaryObject& properties, const Object* key) {
  const std::string& name = static_cast<const StringObject*>(key)->value;
  const auto* number = As<NumberObject>(properties.Find(name), "an NSNumber as property of a surface");
  if (number == nullptr) Die("IOSurfaceCreate without " + name);
  return number->value;
}

}  // namespace

extern "C" {

EXPORT Object* kIOSurfaceWidth = new StringObject("IOSurfaceWidth", nullptr);
EXPORT Object* kIOSurfaceHeight = new StringObject("IOSurfaceHeight", nullptr);
EXPORT Object* kIOSurfaceBytesPerElement = new StringObject("IOSurfaceBytesPerElement", nullptr);
EXPORT Object* kIOSurfaceBytesPerRow = new StringObject("IOSurfaceBytesPerRow", nullptr);
EXPORT Object* kIOSurfaceAllocSize = new StringObject("IOSurfaceAllocSize", nullptr);
EXPORT Object* kIOSurfacePixelFormat = new StringObject("IOSurfacePixelFormat", nullptr);

EXPORT EngineSurface* IOSurfaceCreate(Object* properties) {
  const auto& given = *As<DictionaryObject>(properties, "an NSDictionary of properties");
  const uint64_t bytes = Property(given, kIOSurfaceAllocSize);
  const bool dense = Property(given, kIOSurfaceWidth) == bytes && Property(given, kIOSurfaceHeight) == 1 &&
                     Property(given, kIOSurfaceBytesPerElement) == 1 &&
                     Property(given, kIOSurfaceBytesPerRow) == bytes && Property(given, kIOSurfacePixelFormat) == 0;
  return dense ? EngineSurfaceCreate(bytes) : nullptr;
}

EXPORT int IOSurfaceLock(EngineSurface* surface, uint32_t options, uint32_t*) {
  return EngineSurfaceLock(surface, options);
}

EXPORT int IOSurfaceUnlock(EngineSurface* surface, uint32_t options, uint32_t*) {
  return EngineSurfaceUnlock(surface, options);
}

EXPORT void* IOSurfaceGetBaseAddress(EngineSurface* surface) { return EngineSurfaceAddress(surface); }

EXPORT size_t IOSurfaceGetAllocSize(EngineSurface* surface) { return EngineSurfaceBytes(surface); }

EXPORT void CFRelease(EngineSurface* surface) { EngineSurfaceRelease(surface); }

}  // extern "C"
