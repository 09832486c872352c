#include "mil/constant.h"

#include <cmath>
#include <limits>
#include <optional>

#include "bytes.h"
#include "math/simd/half.h"
#include "mil/parser.h"
#include "mil/weight_blob.h"
#include "number_text.h"

namespace mayfly::mil {
namespace {

[[noreturn]] void Fail(const Token& token, Element element) {
  FailAt("ERR_MIL_TYPE", token.position,
         std::string("Expected a value of ") + NameOf(element) + ", got " + Describe(token));
}

bool SaysInfinity(const Token& token) { return token.text.find("inf") != std::string_view::npos; }

double ParseNumber(const Token& token, Element element) {
  if (token.kind == TokenKind::kString || token.text == "true" || token.text == "false") Fail(token, element);
  const std::optional<double> value = ReadNumber(std::string(token.text));
  // Only a literal that says "inf" is an infinity: 1e999 is out of range for a double, as 70000 is for fp16.
  if (!value || (std::isinf(*value) && !SaysInfinity(token))) Fail(token, element);
  return *value;
}

template <typename T>
void Append(std::vector<uint8_t>* bytes, T value) {
  const size_t at = bytes->size();
  bytes->resize(at + sizeof value);
  StoreBytes(bytes->data() + at, value);
}

template <typename T>
void AppendInteger(std::vector<uint8_t>* bytes, const Token& token, Element element) {
  const double value = ParseNumber(token, element);
  constexpr double low = static_cast<double>(std::numeric_limits<T>::min());
  // Exclusive: the next power of two is exact as a double, which the largest value may not be.
  constexpr double high = 2.0 * (static_cast<double>(std::numeric_limits<T>::max() / 2) + 1.0);
  if (!(value >= low && value < high) || value != std::floor(value)) Fail(token, element);
  Append<T>(bytes, static_cast<T>(value));
}

// One byte.
void AppendPacked(std::vector<uint8_t>* bytes, const Token& token, Element element) {
  const double value = ParseNumber(token, element);
  const int values = 1 << BitsOf(element), low = element == Element::kInt4 ? -values / 2 : 0;
  if (!(value >= low && value < low + values) || value != std::floor(value)) Fail(token, element);
  Append(bytes, static_cast<int8_t>(value));
}

// One byte for each element of a packed type.
std::vector<uint8_t> Unpack(const uint8_t* packed, const Type& type) {
  const auto bits = static_cast<size_t>(BitsOf(type.element));
  const unsigned mask = (1u << bits) - 1, sign = type.element == Element::kInt4 ? 8 : 0;
  const auto stored = static_cast<size_t>(StoredBytes(type));
  std::vector<uint8_t> bytes(static_cast<size_t>(type.elements()));
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t at = i * bits / 8;
    const unsigned two = packed[at] | (at + 1 < stored ? unsigned{packed[at + 1]} << 8 : 0);
    bytes[i] = static_cast<uint8_t>(((two >> (i * bits % 8) & mask) ^ sign) - sign);
  }
  return bytes;
}

// Rounds once, from double, to nearest even. A finite number that rounds to an infinity is out of range.
void AppendFloat(std::vector<uint8_t>* bytes, const Token& token, Element element) {
  const double value = ParseNumber(token, element);
  const float single = static_cast<float>(value);
  const uint16_t half = DoubleToHalf(value);
  const bool overflow = element == Element::kFp16 ? std::isinf(HalfToFloat(half)) : std::isinf(single);
  if (overflow && !std::isinf(value)) Fail(token, element);
  if (element == Element::kFp16) return Append(bytes, half);
  Append(bytes, single);
}

void AppendElement(std::vector<uint8_t>* bytes, const Token& token, Element element) {
  switch (element) {
    case Element::kFp16:
    case Element::kFp32: return AppendFloat(bytes, token, element);
    case Element::kInt32: return AppendInteger<int32_t>(bytes, token, element);
    case Element::kInt8: return AppendInteger<int8_t>(bytes, token, element);
    case Element::kUint8: return AppendInteger<uint8_t>(bytes, token, element);
    case Element::kInt16: return AppendInteger<int16_t>(bytes, token, element);
    case Element::kUint16: return AppendInteger<uint16_t>(bytes, token, element);
    case Element::kUint64: return AppendInteger<uint64_t>(bytes, token, element);
    case Element::kUint32: return AppendInteger<uint32_t>(bytes, token, element);
    case Element::kInt4:
    case Element::kUint1:
    case Element::kUint2:
    case Element::kUint3:
    case Element::kUint4:
    case Element::kUint6: return AppendPacked(bytes, token, element);
    case Element::kBool:
      if (token.text != "true" && token.text != "false") Fail(token, element);
      return Append<uint8_t>(bytes, token.text == "true");
    case Element::kString: Fail(token, element);
  }
}

Type BareType(const Literal& literal) {
  Type type{Element::kInt32, {}};
  if (literal.list) type.shape = {static_cast<int64_t>(literal.elements.size())};
  for (const Token& token : literal.elements) {
    if (token.kind == TokenKind::kString) {
      type.element = Element::kString;
    } else if (token.text == "true" || token.text == "false") {
      type.element = Element::kBool;
    } else if (token.text.find_first_of(".pPnN") != std::string_view::npos ||
               (token.text.find_first_of("eE") != std::string_view::npos &&
                token.text.find('x') == std::string_view::npos)) {
      type.element = Element::kFp32;
    }
  }
  return type;
}

}  // namespace

Value EvaluateLiteral(const Literal& literal, const Type* declared, const std::vector<WeightFile>& files,
                      std::vector<std::string>* warnings) {
  auto fail = [&](const std::string& expected, const std::string& got) {
    FailAt("ERR_MIL_TYPE", literal.position, "Expected " + expected + ", got " + got);
  };
  const Type own = literal.type ? *literal.type : declared != nullptr ? *declared : BareType(literal);
  if (declared != nullptr && own != *declared) fail("a value of type " + ToString(*declared), ToString(own));
  auto constant = std::make_shared<Constant>();
  if (literal.blob) {
    constant->data = FindBlob(files, *literal.blob, own, literal.position, warnings);
    if (IsPacked(own.element)) {
      constant->owned = Unpack(constant->data, own);
      constant->data = constant->owned.data();
    }
    return {"", own, constant};
  }
  const int64_t count = static_cast<int64_t>(literal.elements.size());
  if (own.element == Element::kString) {
    if (!own.shape.empty() || count != 1) fail("one string", std::to_string(count) + " values");
    if (literal.elements[0].kind != TokenKind::kString) Fail(literal.elements[0], Element::kString);
    constant->text = Unescape(literal.elements[0].text);
    return {"", own, constant};
  }
  if (count != own.elements()) {
    fail(std::to_string(own.elements()) + " elements for " + ToString(own), std::to_string(count));
  }
  for (const Token& token : literal.elements) AppendElement(&constant->owned, token, own.element);
  constant->data = constant->owned.data();
  return {"", own, constant};
}

}  // namespace mayfly::mil
