#include "mil/signature.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>

#include "mil/parser.h"

namespace mayfly::mil {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : lexer_(text) { Next(); }

  Signature Read() {
    Signature first;
    bool found = false;
    for (;;) {
      while (!Is("func") && token_.kind != TokenKind::kEnd) Next();
      if (token_.kind == TokenKind::kEnd) break;
      Next();
      const bool main = Is("main");
      Signature signature = ReadFunction();
      if (main) return signature;
      if (!found) first = std::move(signature);
      found = true;
    }
    if (!found) Fail("a function");
    return first;
  }

 private:
  void Next() { token_ = lexer_.NextOfAnyText(); }
  bool Is(std::string_view text) const { return token_.kind != TokenKind::kString && token_.text == text; }
  bool Accept(std::string_view text) {
    if (!Is(text)) return false;
    Next();
    return true;
  }
  [[noreturn]] void Fail(const std::string& expected) const {
    FailSyntax(token_.position, expected + " in the text, of which only the ports are read", Describe(token_));
  }
  void SkipTo(std::string_view text) {
    while (!Is(text)) {
      if (token_.kind == TokenKind::kEnd) Fail("`" + std::string(text) + "`");
      Next();
    }
    Next();
  }

  Signature ReadFunction() {
    Signature signature;
    SkipTo("(");
    while (!Accept(")")) {
      std::optional<Declaration> parameter = TryDeclaration();
      if (!parameter) Fail("a parameter: a type that Mayfly knows and a name");
      signature.parameters.push_back(*parameter);
      if (!Is(")") && !Accept(",")) Fail("`,` or `)`");
    }
    SkipTo("{");
    std::unordered_map<std::string_view, Declaration> declared;
    for (const Declaration& parameter : signature.parameters) declared.emplace(parameter.name.text, parameter);
    for (int depth = 1; depth > 0;) {
      if (token_.kind == TokenKind::kEnd) Fail("`}`");
      if (Accept("{")) {
        ++depth;
      } else if (Accept("}")) {
        --depth;
      } else if (const std::optional<Declaration> declaration = TryDeclaration()) {
        declared.emplace(declaration->name.text, *declaration);
      }
    }
    if (!Accept("->") || !Accept("(")) Fail("`-> (` and the names of results");
    do {
      const auto found = declared.find(token_.text);
      if (token_.kind != TokenKind::kIdentifier || found == declared.end()) Fail("a name whose type is declared above");
      signature.results.push_back(found->second);
      Next();
    } while (Accept(","));
    if (!Accept(")")) Fail("`)`");
    return signature;
  }

  // A type and a name, if the text has them here. Moves on by one token at least.
  std::optional<Declaration> TryDeclaration() {
    Declaration declaration;
    const bool scalar = ElementNamed(token_.text, &declaration.type.element);
    if (token_.kind != TokenKind::kIdentifier || (!scalar && token_.text != "tensor")) {
      Next();
      return {};
    }
    Next();
    if (!scalar && !TryTensor(&declaration.type)) return {};
    const bool complete = token_.kind == TokenKind::kIdentifier && IsTensorElement(declaration.type.element);
    if (!complete) return {};
    declaration.name = {token_.text, token_.position};
    Next();
    return declaration;
  }

  // `<element, [dimensions]>` after the word `tensor`.
  bool TryTensor(Type* type) {
    if (!Accept("<") || !ElementNamed(token_.text, &type->element)) return false;
    Next();
    if (!Accept(",") || !Accept("[")) return false;
    while (!Accept("]")) {
      int64_t dimension = 0;
      const char* end = token_.text.data() + token_.text.size();
      const auto read = std::from_chars(token_.text.data(), end, dimension);
      if (token_.kind != TokenKind::kNumber || read.ec != std::errc() || read.ptr != end || dimension < 1) return false;
      type->shape.push_back(dimension);
      if (type->shape.size() > static_cast<size_t>(kMaxRank) || type->elements() > kMaxElements) return false;
      Next();
      if (!Is("]") && !Accept(",")) return false;
    }
    return Accept(">");
  }

  Lexer lexer_;
  Token token_{TokenKind::kEnd, {}, {}};
};

}  // namespace

Signature ReadSignature(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    FailSyntax({1, 1}, "at most " + std::to_string(kMaxTextBytes) + " bytes of MIL text", std::to_string(text.size()));
  }
  return Reader(text).Read();
}

}  // namespace mayfly::mil
