#include "mil/type.h"

namespace mayfly::mil {

int BitsOf(Element element) {
  switch (element) {
    case Element::kString: return 0;
    case Element::kUint64: return 64;
    case Element::kUint32: return 32;
    case Element::kInt4:
    case Element::kUint4: return 4;
    case Element::kUint1: return 1;
    case Element::kUint2: return 2;
    case Element::kUint3: return 3;
    case Element::kUint6: return 6;
    case Element::kFp16:
    case Element::kFp32:
    case Element::kInt32:
    case Element::kBool:
    case Element::kInt8:
    case Element::kUint8:
    case Element::kInt16:
    case Element::kUint16: break;
  }
  return 8 * static_cast<int>(SizeOf(AsDType(element)));
}

int64_t StoredBytes(const Type& type) {
  const int bits = BitsOf(type.element);
  return bits % 8 == 0 ? SizeProduct(type.elements(), bits / 8) : SizeSum(SizeProduct(type.elements(), bits), 7) / 8;
}

const char* NameOf(Element element) {
  switch (element) {
    case Element::kString: return "string";
    case Element::kUint64: return "uint64";
    case Element::kUint32: return "uint32";
    case Element::kInt4: return "int4";
    case Element::kUint1: return "uint1";
    case Element::kUint2: return "uint2";
    case Element::kUint3: return "uint3";
    case Element::kUint4: return "uint4";
    case Element::kUint6: return "uint6";
    case Element::kFp16:
    case Element::kFp32:
    case Element::kInt32:
    case Element::kBool:
    case Element::kInt8:
    case Element::kUint8:
    case Element::kInt16:
    case Element::kUint16: break;
  }
  return mayfly::NameOf(AsDType(element));
}

bool ElementNamed(std::string_view name, Element* element) {
  for (int i = static_cast<int>(Element::kFp16); i <= static_cast<int>(Element::kLast); ++i) {
    *element = static_cast<Element>(i);
    if (name == NameOf(*element)) return true;
  }
  return false;
}

std::string ToString(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

std::string ToString(const Type& type) {
  return std::string("tensor<") + NameOf(type.element) + ", " + ToString(type.shape) + ">";
}

}  // namespace mayfly::mil
