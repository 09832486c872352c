// A small Objective-C runtime: classes with method tables, reference counts, autorelease pools. A mistake that the real
// runtime ignores, or that makes it crash later, ends the process at once with a line that describes the mistake.
#pragma once

#include <atomic>
#include <map>
#include <string>
#include <vector>

namespace mayfly::emulator {

struct Class;
struct Object;

struct SelectorName {
  std::string text;
};
using Selector = const SelectorName*;

struct Object {
  explicit Object(Class* cls);
  virtual ~Object();
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  Class* isa;
  std::atomic<long> references{1};
  // Classes and constants: never released, not in the report.
  bool immortal = false;
};

struct MethodEntry {
  std::string selector;
  void* implementation;
  // Counts receiver and selector, as the runtime does.
  unsigned arguments;
  std::string encoding;
};

struct Class : Object {
  Class(std::string class_name, Class* superclass_or_null, Class* metaclass);

  std::string name;
  Class* superclass;
  std::map<Selector, MethodEntry> methods;
};

Selector Intern(const char* name);
// A class with its metaclass, below NSObject; not registered if MAYFLY_EMULATOR_MISSING names it.
Class* DefineClass(const char* name);
// Null if there is none.
Class* FindClass(const std::string& name);
// Searches the superclasses, too; null if there is none.
const MethodEntry* FindMethod(const Class* cls, Selector selector);

// Ends the process with `emulator: …`.
[[noreturn]] void Die(const std::string& message);

// Every use of a pointer starts with this check: dies if it is not a live object.
Object* CheckAlive(const void* pointer, const char* use);
Object* Retain(Object* object);
void Release(Object* object);
// Adds an object to the innermost pool of the thread. Without a pool, prints a line on stderr, and the object leaks.
Object* Autorelease(Object* object);

// A checked downcast of an argument; dies where Objective-C would have misread memory. Null stays null.
template <typename T>
T* As(Object* object, const char* what) {
  if (object == nullptr) return nullptr;
  CheckAlive(object, what);
  T* cast = dynamic_cast<T*>(object);
  if (cast == nullptr) Die(std::string("expected ") + what + ", got an object of another class: " + object->isa->name);
  return cast;
}

}  // namespace mayfly::emulator
