// Methods from plain functions: argument counts and type encodings come from the function's type.
#pragma once

#include <algorithm>
#include <string>
#include <type_traits>

#include "engine.h"
#include "objc/object.h"

namespace mayfly::emulator {

template <typename T>
std::string EncodingOf() {
  if constexpr (std::is_void_v<T>)
    return "v";
  else if constexpr (std::is_same_v<T, Object*>)
    return "@";
  else if constexpr (std::is_same_v<T, Selector>)
    return ":";
  else if constexpr (std::is_same_v<T, bool>)
    return "B";
  else if constexpr (std::is_same_v<T, int>)
    return "i";
  else if constexpr (std::is_same_v<T, unsigned>)
    return "I";
  else if constexpr (std::is_same_v<T, long>)
    return "q";
  else if constexpr (std::is_same_v<T, unsigned long> || std::is_same_v<T, unsigned long long>)
    return "Q";
  else if constexpr (std::is_same_v<T, const char*>)
    return "r*";
  else if constexpr (std::is_pointer_v<T>)
    return "^" + EncodingOf<std::remove_cv_t<std::remove_pointer_t<T>>>();
  else
    return "?";
}

template <typename Result, typename... Arguments>
void AddMethod(Class* cls, char kind, const char* selector, Result (*function)(Object*, Selector, Arguments...)) {
  const std::string label = std::string(1, kind) + "[" + cls->name + " " + selector + "]";
  if (EngineLacks(label.c_str()) != 0) return;
  std::string encoding = EncodingOf<Result>() + "@:";
  ((encoding += EncodingOf<Arguments>()), ...);
  if (EngineWidens(selector) != 0) std::replace(encoding.begin(), encoding.end(), 'I', 'Q');
  cls->methods[Intern(selector)] = {selector, reinterpret_cast<void*>(function), 2 + sizeof...(Arguments), encoding};
}

template <typename Function>
void AddInstanceMethod(Class* cls, const char* selector, Function* function) {
  AddMethod(cls, '-', selector, function);
}

template <typename Function>
void AddClassMethod(Class* cls, const char* selector, Function* function) {
  AddMethod(cls->isa, '+', selector, function);
}

}  // namespace mayfly::emulator
