#include "objc/foundation.h"

#include "engine.h"
#include "objc/method.h"

#define EXPORT __attribute__((visibility("default")))

namespace mayfly::emulator {
namespace {

Object* MakeString(Object*, Selector, const char* utf8) { return Autorelease(new StringObject(utf8)); }
const char* StringText(Object* self, Selector) { return As<StringObject>(self, "an NSString")->value.c_str(); }

// A folder's path as NSURL's `path` has it: without a slash at the end.
Object* MakeUrl(Object*, Selector, Object* path, bool) {
  std::string text = As<StringObject>(path, "an NSString as path")->value;
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return Autorelease(new UrlObject(text));
}

Object* MakeData(Object*, Selector, const void* bytes, unsigned long count) {
  return Autorelease(new DataObject(bytes, count));
}
unsigned long DataLength(Object* self, Selector) { return As<DataObject>(self, "an NSData")->bytes.size(); }

Object* MakeNumber(Object*, Selector, unsigned long long value) { return Autorelease(new NumberObject(value)); }
unsigned long long NumberValue(Object* self, Selector) { return As<NumberObject>(self, "an NSNumber")->value; }

Object* MakeArray(Object*, Selector, Object* const* objects, unsigned long count) {
  return Autorelease(new ArrayObject(objects, count));
}

unsigned long ArrayCount(Object* self, Selector) { return As<ArrayObject>(self, "an NSArray")->elements.size(); }
Object* ArrayAt(Object* self, Selector, unsigned long index) {
  const auto& elements = As<ArrayObject>(self, "an NSArray")->elements;
  if (index >= elements.size()) throw NSException{"index beyond bounds"};
  return elements[index];
}

Object* MakeDictionary(Object*, Selector, Object* const* objects, Object* const* keys, unsigned long count) {
  return Autorelease(new DictionaryObject(objects, keys, count));
}
Object* DictionaryAt(Object* self, Selector, Object* key) {
  return As<DictionaryObject>(self, "an NSDictionary")->Find(As<StringObject>(key, "an NSString as key")->value);
}

Object* ErrorDomain(Object* self, Selector) {
  return Autorelease(new StringObject(As<ErrorObject>(self, "an NSError")->domain));
}
long ErrorCode(Object* self, Selector) { return As<ErrorObject>(self, "an NSError")->code; }
Object* ErrorText(Object* self, Selector) {
  return Autorelease(new StringObject(As<ErrorObject>(self, "an NSError")->text));
}
Object* ErrorInformation(Object* self, Selector) { return As<ErrorObject>(self, "an NSError")->information; }

Class* Named(const char* name) {
  Class* cls = FindClass(name);
  if (cls == nullptr) Die(std::string("class ") + name + " is used, but it is missing");
  return cls;
}

const bool classes = [] {
  Class* string = DefineClass("NSString");
  AddClassMethod(string, "stringWithUTF8String:", MakeString);
  AddInstanceMethod(string, "UTF8String", StringText);
  AddClassMethod(DefineClass("NSURL"), "fileURLWithPath:isDirectory:", MakeUrl);
  Class* data = DefineClass("NSData");
  AddClassMethod(data, "dataWithBytes:length:", MakeData);
  AddInstanceMethod(data, "length", DataLength);
  Class* number = DefineClass("NSNumber");
  AddClassMethod(number, "numberWithUnsignedLongLong:", MakeNumber);
  AddInstanceMethod(number, "unsignedLongLongValue", NumberValue);
  Class* array = DefineClass("NSArray");
  AddClassMethod(array, "arrayWithObjects:count:", MakeArray);
  AddInstanceMethod(array, "count", ArrayCount);
  AddInstanceMethod(array, "objectAtIndex:", ArrayAt);
  Class* dictionary = DefineClass("NSDictionary");
  AddClassMethod(dictionary, "dictionaryWithObjects:forKeys:count:", MakeDictionary);
  AddInstanceMethod(dictionary, "objectForKey:", DictionaryAt);
  Class* error = DefineClass("NSError");
  AddInstanceMethod(error, "domain", ErrorDomain);
  AddInstanceMethod(error, "code", ErrorCode);
  AddInstanceMethod(error, "localizedDescription", ErrorText);
  AddInstanceMethod(error, "userInfo", ErrorInformation);
  return true;
}();

}  // namespace

StringObject::StringObject(std::string text) : Object(Named("NSString")), value(std::move(text)) {}

StringObject::StringObject(std::string text, std::nullptr_t) : Object(Named("NSString")), value(std::move(text)) {
  immortal = true;
}

UrlObject::UrlObject(std::string file) : Object(Named("NSURL")), path(std::move(file)) {}

DataObject::DataObject(const void* from, size_t count)
    : Object(Named("NSData")), bytes(static_cast<const uint8_t*>(from), static_cast<const uint8_t*>(from) + count) {}

NumberObject::NumberObject(uint64_t number) : Object(Named("NSNumber")), value(number) {}

ArrayObject::ArrayObject(Object* const* objects, size_t count) : Object(Named("NSArray")) {
  for (size_t i = 0; i < count; ++i) elements.push_back(Retain(CheckAlive(objects[i], "an element of an NSArray")));
}

ArrayObject::~ArrayObject() {
  for (Object* element : elements) Release(element);
}

DictionaryObject::DictionaryObject(Object* const* objects, Object* const* keys, size_t count)
    : Object(Named("NSDictionary")) {
  for (size_t i = 0; i < count; ++i) {
    entries.emplace_back(Retain(CheckAlive(keys[i], "a key of an NSDictionary")),
                         Retain(CheckAlive(objects[i], "a value of an NSDictionary")));
  }
}

DictionaryObject* MakeOwnedDictionary(const std::vector<std::pair<std::string, Object*>>& entries) {
  std::vector<Object*> keys;
  std::vector<Object*> values;
  for (const auto& [key, value] : entries) {
    keys.push_back(new StringObject(key));
    values.push_back(value);
  }
  auto* dictionary = new DictionaryObject(values.data(), keys.data(), entries.size());
  for (Object* key : keys) Release(key);
  for (Object* value : values) Release(value);
  return dictionary;
}

DictionaryObject::~DictionaryObject() {
  for (const auto& [key, value] : entries) {
    Release(key);
    Release(value);
  }
}

Object* DictionaryObject::Find(const std::string& key) const {
  for (const auto& [name, value] : entries) {
    if (As<StringObject>(name, "an NSString as key")->value == key) return value;
  }
  return nullptr;
}

ErrorObject::ErrorObject(std::string error_domain, long error_code, std::string error_text,
                         const std::vector<std::pair<std::string, Object*>>& entries)
    : Object(Named("NSError")),
      domain(std::move(error_domain)),
      code(error_code),
      text(std::move(error_text)),
      information(MakeOwnedDictionary(entries)) {}

ErrorObject::~ErrorObject() { Release(information); }

}  // namespace mayfly::emulator

using mayfly::emulator::Object;
using mayfly::emulator::StringObject;

extern "C" {

EXPORT Object* NSUnderlyingErrorKey = new StringObject("NSUnderlyingError", nullptr);

EXPORT Object* NSTemporaryDirectory() {
  const char* named = EngineTemporaryDirectory();
  return mayfly::emulator::Autorelease(new StringObject(named == nullptr ? "/tmp/" : named));
}

}  // extern "C"
