#include "mil/lexer.h"

#include "error.h"

namespace mayfly::mil {
namespace {

// The functions of <cctype> depend on the locale.
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

void FailAt(const char* code, Position position, const std::string& message) {
  throw Error(code,
              message + " (line " + std::to_string(position.line) + ", column " + std::to_string(position.column) + ")",
              position.line, position.column);
}

void FailSyntax(Position position, const std::string& expected, const std::string& got) {
  FailAt("ERR_MIL_SYNTAX", position, "Expected " + expected + ", got " + got);
}

std::string Describe(const Token& token) {
  if (token.kind == TokenKind::kEnd) return "the end of the text";
  constexpr size_t kLongest = 40;
  std::string text;
  for (char c : token.text.substr(0, kLongest)) text += static_cast<unsigned char>(c) < ' ' ? '?' : c;
  if (token.text.size() > kLongest) text += "...";
  return token.kind == TokenKind::kString ? "\"" + text + "\"" : "`" + text + "`";
}

void Lexer::Advance(size_t bytes) {
  for (size_t end = at_ + bytes; at_ < end; ++at_) {
    if (source_[at_] == '\n') {
      ++position_.line;
      position_.column = 1;
    } else {
      ++position_.column;
    }
  }
}

void Lexer::SkipBlanks() {
  while (at_ < source_.size()) {
    const char c = source_[at_];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      Advance(1);
    } else if (source_.compare(at_, 2, "//") == 0) {
      const size_t end = source_.find('\n', at_);
      Advance((end == std::string_view::npos ? source_.size() : end) - at_);
    } else {
      return;
    }
  }
}

Token Lexer::Take(TokenKind kind, size_t bytes) {
  Token token{kind, source_.substr(at_, bytes), position_};
  Advance(bytes);
  return token;
}

Token Lexer::TakeString() {
  const Position start = position_;
  size_t end = at_ + 1;
  while (end < source_.size() && source_[end] != '"' && source_[end] != '\n') end += source_[end] == '\\' ? 2 : 1;
  if (end >= source_.size() || source_[end] != '"')
    FailSyntax(start, "a string to end on its line", "no closing quote");
  Token token{TokenKind::kString, source_.substr(at_ + 1, end - at_ - 1), start};
  Advance(end + 1 - at_);
  return token;
}

// The length of the number at this point, decimal or hexadecimal with C's sign, fraction and exponent; 0 if there is
// none.
size_t Lexer::NumberLength() const {
  auto at = [&](size_t i) { return at_ + i < source_.size() ? source_[at_ + i] : '\0'; };
  size_t i = at(0) == '-' || at(0) == '+' ? 1 : 0;
  if (i == 1 && (source_.compare(at_ + 1, 3, "inf") == 0 || source_.compare(at_ + 1, 3, "nan") == 0)) return 4;
  const bool hex = at(i) == '0' && (at(i + 1) == 'x' || at(i + 1) == 'X');
  if (hex) i += 2;
  auto digit = [&](char c) { return hex ? IsHexDigit(c) : IsDigit(c); };
  const size_t mantissa = i;
  while (digit(at(i)) || at(i) == '.') ++i;
  if (i == mantissa) return 0;
  const char mark = at(i) | 0x20;
  if (mark == (hex ? 'p' : 'e')) {
    const size_t exponent = at(i + 1) == '-' || at(i + 1) == '+' ? i + 2 : i + 1;
    if (IsDigit(at(exponent))) {
      i = exponent;
      while (IsDigit(at(i))) ++i;
    }
  }
  return i;
}

Token Lexer::Next() {
  SkipBlanks();
  if (at_ >= source_.size()) return {TokenKind::kEnd, {}, position_};
  const char c = source_[at_];
  if (c == '"') return TakeString();
  if (IsLetter(c)) {
    size_t length = 1;
    while (at_ + length < source_.size() && (IsLetter(source_[at_ + length]) || IsDigit(source_[at_ + length])))
      ++length;
    return Take(TokenKind::kIdentifier, length);
  }
  if (const size_t length = NumberLength()) return Take(TokenKind::kNumber, length);
  if (source_.compare(at_, 2, "->") == 0) return Take(TokenKind::kPunctuation, 2);
  if (std::string_view("()[]{}<>,;=").find(c) != std::string_view::npos) return Take(TokenKind::kPunctuation, 1);
  FailSyntax(position_, "MIL text", Describe({TokenKind::kPunctuation, source_.substr(at_, 1), position_}));
}

Token Lexer::NextOfAnyText() {
  SkipBlanks();
  const char c = at_ < source_.size() ? source_[at_] : 'a';
  const bool known =
      IsLetter(c) || IsDigit(c) || std::string_view("\"-+.()[]{}<>,;=").find(c) != std::string_view::npos;
  const bool sign = (c == '-' || c == '+' || c == '.') && NumberLength() == 0 && source_.compare(at_, 2, "->") != 0;
  return known && !sign ? Next() : Take(TokenKind::kPunctuation, 1);
}

}  // namespace mayfly::mil
