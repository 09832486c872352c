// Splits MIL text into tokens with positions.
#pragma once

#include <string>
#include <string_view>

namespace mayfly::mil {

// Lines and columns count from 1, columns in bytes.
struct Position {
  int line = 0;
  int column = 0;
};

enum class TokenKind { kIdentifier, kNumber, kString, kPunctuation, kEnd };

struct Token {
  TokenKind kind;
  // A view into the source. For a string, the part between the quotes, with escapes as they are.
  std::string_view text;
  Position position;
};

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  // The next token; kEnd after the last. Throws ERR_MIL_SYNTAX.
  Token Next();
  // The same, but a byte that begins no token is punctuation of its own.
  Token NextOfAnyText();

 private:
  void SkipBlanks();
  void Advance(size_t bytes);
  Token Take(TokenKind kind, size_t bytes);
  Token TakeString();
  size_t NumberLength() const;

  std::string_view source_;
  size_t at_ = 0;
  Position position_{1, 1};
};

// A token in messages: `;`, "text", or the end of the text. Long tokens are cut.
std::string Describe(const Token& token);

// Throws an Error at `position`, which is added to the message as ` (line L, column C)`.
[[noreturn]] void FailAt(const char* code, Position position, const std::string& message);
// The same with ERR_MIL_SYNTAX: "Expected …, got …".
[[noreturn]] void FailSyntax(Position position, const std::string& expected, const std::string& got);

}  // namespace mayfly::mil
