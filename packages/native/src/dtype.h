// Element types of tensors, with the names and sizes that MIL gives them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mayfly {

enum class DType : uint8_t {
  kFp16 = 1,
  kFp32 = 2,
  kInt32 = 3,
  kBool = 4,
  kInt8 = 5,
  kUint8 = 6,
  kInt16 = 7,
  kUint16 = 8
};

constexpr size_t SizeOf(DType type) {
  switch (type) {
    case DType::kFp32:
    case DType::kInt32: return 4;
    case DType::kFp16:
    case DType::kInt16:
    case DType::kUint16: return 2;
    case DType::kBool:
    case DType::kInt8:
    case DType::kUint8: break;
  }
  return 1;
}

constexpr const char* NameOf(DType type) {
  switch (type) {
    case DType::kFp16: return "fp16";
    case DType::kFp32: return "fp32";
    case DType::kInt32: return "int32";
    case DType::kBool: return "bool";
    case DType::kInt8: return "int8";
    case DType::kUint8: return "uint8";
    case DType::kInt16: return "int16";
    case DType::kUint16: return "uint16";
  }
  return "?";
}

}  // namespace mayfly
