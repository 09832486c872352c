// The C API of an Objective-C runtime, as far as the bridge uses it.
#include "objc/object.h"

#define EXPORT __attribute__((visibility("default")))

using namespace mayfly::emulator;

extern "C" {

EXPORT Class* objc_getClass(const char* name) { return FindClass(name); }

EXPORT Class* object_getClass(Object* object) {
  return object == nullptr ? nullptr : CheckAlive(object, "object_getClass")->isa;
}

EXPORT const char* class_getName(Class* cls) { return cls == nullptr ? "nil" : cls->name.c_str(); }

EXPORT Selector sel_registerName(const char* name) { return Intern(name); }

EXPORT unsigned char class_respondsToSelector(Class* cls, Selector selector) {
  return cls != nullptr && FindMethod(cls, selector) != nullptr ? 1 : 0;
}

EXPORT void* class_getMethodImplementation(Class* cls, Selector selector) {
  const MethodEntry* method = FindMethod(cls, selector);
  if (method == nullptr)
    Die("class_getMethodImplementation of " + cls->name + " for " + selector->text + ", which it lacks");
  return method->implementation;
}

EXPORT const MethodEntry* class_getInstanceMethod(Class* cls, Selector selector) {
  return cls == nullptr ? nullptr : FindMethod(cls, selector);
}

EXPORT unsigned method_getNumberOfArguments(const MethodEntry* method) { return method->arguments; }

EXPORT const char* method_getTypeEncoding(const MethodEntry* method) { return method->encoding.c_str(); }

}  // extern "C"
