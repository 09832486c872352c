#include "objc/object.h"

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_set>

#include "engine.h"
#include "faults.h"
#include "objc/foundation.h"
#include "objc/method.h"

namespace mayfly::emulator {
namespace {

struct Heap {
  std::mutex mutex;
  std::unordered_set<const void*> live;
};

// Never destroyed: the report reads it after static objects are destroyed.
Heap& TheHeap() {
  static auto* const heap = new Heap();
  return *heap;
}

struct Classes {
  std::recursive_mutex mutex;
  std::map<std::string, std::unique_ptr<SelectorName>> selectors;
  std::map<std::string, Class*> classes;
};

Classes& TheClasses() {
  static auto* const classes = new Classes();
  return *classes;
}

struct Pool : Object {
  using Object::Object;
  std::deque<Object*> objects;
};

thread_local std::vector<Pool*> pools;

Object* ReturnSelf(Object* self, Selector) { return self; }
Object* RetainMethod(Object* self, Selector) { return Retain(self); }
// For faults in release and drain.
void RaiseIfDue(const char* phase) {
  if (NextFault(phase).kind == FaultKind::kException) throw NSException{"injected"};
}

void ReleaseMethod(Object* self, Selector) {
  Release(self);
  RaiseIfDue("release");
}
Object* AutoreleaseMethod(Object* self, Selector) { return Autorelease(self); }
unsigned long RetainCount(Object* self, Selector) { return static_cast<unsigned long>(self->references.load()); }

Object* AllocatePool(Object* self, Selector) { return new Pool(static_cast<Class*>(self)); }

Object* InitializePool(Object* self, Selector) {
  pools.push_back(As<Pool>(self, "an NSAutoreleasePool"));
  return self;
}

void DrainPool(Object* self, Selector) {
  if (pools.empty() || pools.back() != self)
    Die("an autorelease pool was drained that is not the innermost of its thread");
  // Popped afterwards, since objects that are autoreleased during the drain belong to this pool.
  Pool* pool = pools.back();
  while (!pool->objects.empty()) {
    Object* object = pool->objects.front();
    pool->objects.pop_front();
    Release(object);
  }
  pools.pop_back();
  Release(self);
  RaiseIfDue("drain");
}

Class* Root() {
  static Class* const root = [] {
    auto* metaclass = new Class("NSObject", nullptr, nullptr);
    auto* cls = new Class("NSObject", nullptr, metaclass);
    // As in Objective-C: class objects answer the root's instance methods, too.
    metaclass->superclass = cls;
    AddInstanceMethod(cls, "self", ReturnSelf);
    AddInstanceMethod(cls, "retain", RetainMethod);
    AddInstanceMethod(cls, "release", ReleaseMethod);
    AddInstanceMethod(cls, "autorelease", AutoreleaseMethod);
    AddInstanceMethod(cls, "retainCount", RetainCount);
    TheClasses().classes["NSObject"] = cls;
    return cls;
  }();
  return root;
}

// Defined when the library is loaded, as are all classes of this emulator.
const bool pool_class = [] {
  Class* cls = DefineClass("NSAutoreleasePool");
  AddClassMethod(cls, "alloc", AllocatePool);
  AddInstanceMethod(cls, "init", InitializePool);
  AddInstanceMethod(cls, "drain", DrainPool);
  EngineReportObjects([](void (*entry)(const char*, long, void*), void* context) {
    std::map<std::string, long> counts;
    for (const void* pointer : TheHeap().live) {
      const auto* object = static_cast<const Object*>(pointer);
      if (!object->immortal) ++counts[object->isa->name];
    }
    for (const auto& [name, count] : counts) entry(name.c_str(), count, context);
  });
  return true;
}();

}  // namespace

Object::Object(Class* cls) : isa(cls) {
  Heap& heap = TheHeap();
  const std::lock_guard<std::mutex> lock(heap.mutex);
  heap.live.insert(this);
}

Object::~Object() {
  Heap& heap = TheHeap();
  const std::lock_guard<std::mutex> lock(heap.mutex);
  heap.live.erase(this);
}

Class::Class(std::string class_name, Class* superclass_or_null, Class* metaclass)
    : Object(metaclass), name(std::move(class_name)), superclass(superclass_or_null) {
  immortal = true;
}

Selector Intern(const char* name) {
  Classes& classes = TheClasses();
  const std::lock_guard<std::recursive_mutex> lock(classes.mutex);
  std::unique_ptr<SelectorName>& selector = classes.selectors[name];
  if (selector == nullptr) selector.reset(new SelectorName{name});
  return selector.get();
}

Class* DefineClass(const char* name) {
  Classes& classes = TheClasses();
  const std::lock_guard<std::recursive_mutex> lock(classes.mutex);
  auto* cls = new Class(name, Root(), new Class(name, Root()->isa, nullptr));
  if (EngineLacks(name) == 0) classes.classes[name] = cls;
  return cls;
}

Class* FindClass(const std::string& name) {
  Classes& classes = TheClasses();
  const std::lock_guard<std::recursive_mutex> lock(classes.mutex);
  const auto found = classes.classes.find(name);
  return found == classes.classes.end() ? nullptr : found->second;
}

const MethodEntry* FindMethod(const Class* cls, Selector selector) {
  for (; cls != nullptr; cls = cls->superclass) {
    const auto found = cls->methods.find(selector);
    if (found != cls->methods.end()) return &found->second;
  }
  return nullptr;
}

void Die(const std::string& message) {
  std::fprintf(stderr, "emulator: %s\n", message.c_str());
  std::abort();
}

Object* CheckAlive(const void* pointer, const char* use) {
  Heap& heap = TheHeap();
  const std::lock_guard<std::mutex> lock(heap.mutex);
  if (heap.live.count(pointer) == 0) {
    const auto* object = static_cast<const Object*>(pointer);
    if (object == nullptr) Die(std::string(use) + " with nil");
    Die(std::string(use) + " with something that is no live object: released too often, or never retained");
  }
  return static_cast<Object*>(const_cast<void*>(pointer));
}

Object* Retain(Object* object) {
  if (object == nullptr) return nullptr;
  if (!CheckAlive(object, "retain")->immortal) ++object->references;
  return object;
}

void Release(Object* object) {
  if (object == nullptr) return;
  if (CheckAlive(object, "release")->immortal) return;
  if (--object->references == 0) delete object;
}

Object* Autorelease(Object* object) {
  CheckAlive(object, "autorelease");
  if (pools.empty()) {
    std::fprintf(stderr, "emulator: autorelease of a %s with no pool in place, it leaks\n", object->isa->name.c_str());
  } else {
    pools.back()->objects.push_back(object);
  }
  return object;
}

}  // namespace mayfly::emulator
