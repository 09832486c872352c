// IOSurface.framework over the engine.
#import <Foundation/Foundation.h>

#include "engine.h"

NSString* const kIOSurfaceWidth = @"IOSurfaceWidth";
NSString* const kIOSurfaceHeight = @"IOSurfaceHeight";
NSString* const kIOSurfaceBytesPerElement = @"IOSurfaceBytesPerElement";
NSString* const kIOSurfaceBytesPerRow = @"IOSurfaceBytesPerRow";
NSString* const kIOSurfaceAllocSize = @"IOSurfaceAllocSize";
NSString* const kIOSurfacePixelFormat = @"IOSurfacePixelFormat";

static BOOL Holds(NSDictionary* properties, NSString* key, unsigned long long value) {
  NSNumber* number = [properties objectForKey:key];
  return [number isKindOfClass:[NSNumber class]] && [number unsignedLongLongValue] == value;
}

EngineSurface* IOSurfaceCreate(NSDictionary* properties) {
  const unsigned long long bytes = [[properties objectForKey:kIOSurfaceAllocSize] unsignedLongLongValue];
  const BOOL dense = Holds(properties, kIOSurfaceWidth, bytes) && Holds(properties, kIOSurfaceHeight, 1) &&
                     Holds(properties, kIOSurfaceBytesPerElement, 1) &&
                     Holds(properties, kIOSurfaceBytesPerRow, bytes) && Holds(properties, kIOSurfacePixelFormat, 0);
  return dense ? EngineSurfaceCreate(bytes) : NULL;
}

int IOSurfaceLock(EngineSurface* surface, uint32_t options, uint32_t* seed) {
  (void)seed;
  return EngineSurfaceLock(surface, options);
}

int IOSurfaceUnlock(EngineSurface* surface, uint32_t options, uint32_t* seed) {
  (void)seed;
  return EngineSurfaceUnlock(surface, options);
}

void* IOSurfaceGetBaseAddress(EngineSurface* surface) { return EngineSurfaceAddress(surface); }

size_t IOSurfaceGetAllocSize(EngineSurface* surface) { return EngineSurfaceBytes(surface); }

// Surfaces are the only thing that the bridge gives to CFRelease.
void CFRelease(EngineSurface* surface) { EngineSurfaceRelease(surface); }
