// Foundation's classes, as far as the bridge and the engine's classes use them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "objc/object.h"

// The exception of an emulated method. As on Apple's runtime, C++ unwinds it.
struct NSException {
  std::string reason;
};

namespace mayfly::emulator {

struct StringObject : Object {
  explicit StringObject(std::string text);
  // A constant.
  StringObject(std::string text, std::nullptr_t);
  std::string value;
};

struct UrlObject : Object {
  explicit UrlObject(std::string file);
  std::string path;
};

struct DataObject : Object {
  DataObject(const void* bytes, size_t count);
  std::vector<uint8_t> bytes;
};

struct NumberObject : Object {
  explicit NumberObject(uint64_t number);
  uint64_t value;
};

struct ArrayObject : Object {
  ArrayObject(Object* const* objects, size_t count);
  ~ArrayObject() override;
  std::vector<Object*> elements;
};

struct DictionaryObject : Object {
  DictionaryObject(Object* const* objects, Object* const* keys, size_t count);
  ~DictionaryObject() override;
  // Null if absent. Keys are strings.
  Object* Find(const std::string& key) const;
  std::vector<std::pair<Object*, Object*>> entries;
};

// A dictionary that takes over the references to its values.
DictionaryObject* MakeOwnedDictionary(const std::vector<std::pair<std::string, Object*>>& entries);

struct ErrorObject : Object {
  ErrorObject(std::string error_domain, long error_code, std::string error_text,
              const std::vector<std::pair<std::string, Object*>>& entries);
  ~ErrorObject() override;
  std::string domain;
  long code;
  std::string text;
  DictionaryObject* information;
};

}  // namespace mayfly::emulator
