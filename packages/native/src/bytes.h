// Numbers in plain bytes, at any alignment. Both byte orders that Node runs on today are little-endian, as are the
// formats that are read and written here.
#pragma once

#include <cstring>
#include <type_traits>

namespace mayfly {

template <typename T>
T LoadBytes(const void* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
void StoreBytes(void* to, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof value);
}

}  // namespace mayfly
