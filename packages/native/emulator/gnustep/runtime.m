// Functions that GCC's runtime and GNUstep lack, and replacements of functions through which tests remove methods and
// move directories. The bridge finds these first, since this library comes first in its search.
#import <Foundation/Foundation.h>

#include <dlfcn.h>
#include <objc/runtime.h>
#include <stdlib.h>

#include "engine.h"

// An inline function of GCC's headers: no library exports it.
#undef object_getClass
__attribute__((visibility("default"))) Class object_getClassExported(id object) __asm__("object_getClass");
Class object_getClassExported(id object) { return object == nil ? Nil : object->class_pointer; }

static void* Next(const char* name) { return dlsym(RTLD_NEXT, name); }

static BOOL Lacks(Class cls, SEL selector) {
  if (cls == Nil || getenv("MAYFLY_EMULATOR_MISSING") == NULL) return NO;
  char label[512];
  snprintf(label, sizeof label, "%c[%s %s]", class_isMetaClass(cls) ? '+' : '-', class_getName(cls),
           sel_getName(selector));
  return EngineLacks(label) != 0;
}

Class objc_getClass(const char* name) {
  static Class (*next)(const char*) = NULL;
  if (next == NULL) next = Next("objc_getClass");
  return EngineLacks(name) != 0 ? Nil : next(name);
}

BOOL class_respondsToSelector(Class cls, SEL selector) {
  static BOOL (*next)(Class, SEL) = NULL;
  if (next == NULL) next = Next("class_respondsToSelector");
  return !Lacks(cls, selector) && next(cls, selector);
}

Method class_getInstanceMethod(Class cls, SEL selector) {
  static Method (*next)(Class, SEL) = NULL;
  if (next == NULL) next = Next("class_getInstanceMethod");
  return Lacks(cls, selector) ? NULL : next(cls, selector);
}

const char* method_getTypeEncoding(Method method) {
  static const char* (*next)(Method) = NULL;
  if (next == NULL) next = Next("method_getTypeEncoding");
  const char* encoding = next(method);
  if (encoding == NULL || EngineWidens(sel_getName(method_getName(method))) == 0) return encoding;
  static char widened[256];
  snprintf(widened, sizeof widened, "%s", encoding);
  for (char* at = widened; *at != 0; ++at) {
    if (*at == 'I') *at = 'Q';
  }
  return widened;
}

NSString* NSTemporaryDirectory(void) {
  static NSString* (*next)(void) = NULL;
  if (next == NULL) next = Next("NSTemporaryDirectory");
  const char* named = EngineTemporaryDirectory();
  return named == NULL ? next() : [NSString stringWithUTF8String:named];
}
