#include "mil/type.h"

namespace mayfly::mil {

const char* NameOf(Element element) {
  if (element == Element::kString) return "string";
  if (element == Element::kUint64) return "uint64";
  return mayfly::NameOf(AsDType(element));
}

bool ElementNamed(std::string_view name, Element* element) {
  for (int i = static_cast<int>(Element::kFp16); i <= static_cast<int>(Element::kUint64); ++i) {
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
