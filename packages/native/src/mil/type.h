// Types of MIL values: an element type and a shape. In both dialects scalars have rank 0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dtype.h"
#include "size_math.h"

namespace mayfly::mil {

using Shape = std::vector<int64_t>;

// The types of DType, with the same numbers, and those that only constants have. Packed types take less than a byte in
// a weight file.
enum class Element : uint8_t {
  kFp16 = 1,
  kFp32,
  kInt32,
  kBool,
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kString,
  kUint64,
  kUint32,
  kInt4,
  kUint1,
  kUint2,
  kUint3,
  kUint4,
  kUint6,
  kLast = kUint6
};

constexpr int kMaxRank = 8;
constexpr int64_t kMaxElements = int64_t{1} << 32;

struct Type {
  Element element;
  Shape shape;

  int rank() const { return static_cast<int>(shape.size()); }
  int64_t elements() const { return ElementsOf(shape); }
  bool operator==(const Type& other) const { return element == other.element && shape == other.shape; }
  bool operator!=(const Type& other) const { return !(*this == other); }
};

constexpr bool IsTensorElement(Element element) { return element <= Element::kUint16; }
constexpr bool IsPacked(Element element) { return element >= Element::kInt4; }
constexpr bool IsFloat(Element element) { return element == Element::kFp16 || element == Element::kFp32; }
constexpr DType AsDType(Element element) { return static_cast<DType>(element); }

// Bits of an element in a weight file; 0 for strings.
int BitsOf(Element element);
// Bytes of a tensor in a weight file, where packed elements follow each other from the lowest bits on.
int64_t StoredBytes(const Type& type);

const char* NameOf(Element element);
// False if no element type has this name.
bool ElementNamed(std::string_view name, Element* element);

// In MIL's notation: `[1, 8, 1, 16]`, `tensor<fp16, [1, 8]>`.
std::string ToString(const Shape& shape);
std::string ToString(const Type& type);

}  // namespace mayfly::mil
