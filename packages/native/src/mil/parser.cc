#include "mil/parser.h"

#include <algorithm>

#include "error.h"

namespace mayfly::mil {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) { token_ = lexer_.Next(); }

  std::vector<Function> Program() {
    Expect("program");
    Expect("(");
    const Token version = Take(TokenKind::kNumber, "a version such as 1.3");
    if (version.text != "1.0" && version.text != "1.3") {
      FailAt("ERR_MIL_UNSUPPORTED", version.position, "Expected program version 1.0 or 1.3, got " + Describe(version));
    }
    Expect(")");
    if (Accept("[")) BuildInfo();
    Expect("{");
    std::vector<Function> functions;
    do {
      if (functions.size() == kMaxFunctions) Fail("at most " + std::to_string(kMaxFunctions) + " functions");
      functions.push_back(ParseFunction());
      const Name& name = functions.back().name;
      for (size_t i = 0; i + 1 < functions.size(); ++i) {
        if (functions[i].name.text == name.text)
          FailSyntax(name.position, "functions of different names", "`" + std::string(name.text) + "` twice");
      }
    } while (Is("func"));
    Expect("}");
    if (token_.kind != TokenKind::kEnd) Fail("the end of the text after the program");
    return functions;
  }

 private:
  Token Next() {
    Token token = token_;
    token_ = lexer_.Next();
    return token;
  }
  bool Is(std::string_view text) const {
    return token_.kind != TokenKind::kString && token_.text == text && !text.empty();
  }
  bool Accept(std::string_view text) {
    if (!Is(text)) return false;
    Next();
    return true;
  }
  [[noreturn]] void Fail(const std::string& expected) const { FailSyntax(token_.position, expected, Describe(token_)); }
  void Expect(std::string_view text) {
    if (!Accept(text)) Fail("`" + std::string(text) + "`" + where_);
  }
  Token Take(TokenKind kind, const std::string& expected) {
    if (token_.kind != kind) Fail(expected + where_);
    return Next();
  }
  Name Identifier(const std::string& expected) {
    const Token token = Take(TokenKind::kIdentifier, expected);
    return {token.text, token.position};
  }

  // buildInfo = dict<string, string>({{"key", "value"}, …})]
  void BuildInfo() {
    Expect("buildInfo");
    Expect("=");
    Expect("dict");
    Expect("<");
    ParseType();
    Expect(",");
    ParseType();
    Expect(">");
    Expect("(");
    Expect("{");
    while (!Is("}")) {
      Expect("{");
      ParseLiteral();
      Expect(",");
      ParseLiteral();
      Expect("}");
      if (!Accept(",")) break;
    }
    Expect("}");
    Expect(")");
    Expect("]");
  }

  Function ParseFunction() {
    Expect("func");
    Function function;
    function.name = Identifier("a function name");
    Expect("<");
    function.opset = Identifier("an operation set such as ios18");
    Expect(">");
    Expect("(");
    while (!Is(")")) {
      function.parameters.push_back(ParseDeclaration());
      if (!Accept(",")) break;
    }
    Expect(")");
    Expect("{");
    while (!Is("}")) {
      if (function.statements.size() == kMaxStatements)
        Fail("at most " + std::to_string(kMaxStatements) + " statements");
      function.statements.push_back(ParseStatement());
    }
    Expect("}");
    Expect("->");
    Expect("(");
    do {
      function.returns.push_back(Identifier("the name of a result"));
    } while (Accept(","));
    Expect(")");
    Expect(";");
    return function;
  }

  Declaration ParseDeclaration() {
    Declaration declaration;
    declaration.type = ParseType();
    declaration.name = Identifier("a variable name");
    return declaration;
  }

  Statement ParseStatement() {
    Statement statement;
    do {
      statement.results.push_back(ParseDeclaration());
    } while (Accept(","));
    where_ = " in the statement of `" + std::string(statement.results[0].name.text) + "`";
    Expect("=");
    statement.operation = Identifier("an operation");
    Expect("(");
    statement.arguments = ParseArguments(")");
    if (Accept("[")) statement.attributes = ParseArguments("]");
    Expect(";");
    where_.clear();
    return statement;
  }

  std::vector<Argument> ParseArguments(std::string_view close) {
    std::vector<Argument> arguments;
    while (!Is(close)) {
      Argument argument;
      argument.name = Identifier("an argument name or `" + std::string(close) + "`");
      Expect("=");
      if (Accept("(")) {
        argument.tuple = true;
        do {
          argument.values.push_back(ParseValue());
        } while (Accept(","));
        Expect(")");
      } else {
        argument.values.push_back(ParseValue());
      }
      arguments.push_back(std::move(argument));
      if (!Accept(",")) break;
    }
    Expect(close);
    return arguments;
  }

  bool AtType() const {
    Element element;
    return token_.kind == TokenKind::kIdentifier && (token_.text == "tensor" || ElementNamed(token_.text, &element));
  }

  std::variant<Name, Literal> ParseValue() {
    if (token_.kind != TokenKind::kIdentifier || AtType() || IsWordLiteral(token_.text)) return ParseLiteral();
    return Identifier("a value");
  }

  static bool IsWordLiteral(std::string_view text) {
    return text == "true" || text == "false" || text == "inf" || text == "nan";
  }

  Literal ParseLiteral() {
    Literal literal;
    literal.position = token_.position;
    if (AtType()) {
      literal.type = ParseType();
      Expect("(");
      if (Is("BLOBFILE")) {
        literal.blob = ParseBlob();
      } else {
        ParseElements(&literal, 0);
      }
      Expect(")");
    } else {
      ParseElements(&literal, 0);
    }
    return literal;
  }

  void ParseElements(Literal* literal, int depth) {
    if (Is("[")) {
      if (depth == kMaxListDepth) Fail("lists nested at most " + std::to_string(kMaxListDepth) + " deep");
      literal->list = true;
      Next();
      while (!Is("]")) {
        ParseElements(literal, depth + 1);
        if (!Accept(",")) break;
      }
      Expect("]");
      return;
    }
    const bool scalar = token_.kind == TokenKind::kNumber || token_.kind == TokenKind::kString ||
                        (token_.kind == TokenKind::kIdentifier && IsWordLiteral(token_.text));
    if (!scalar) Fail("a number, a string, true, false or a list" + where_);
    literal->elements.push_back(Next());
  }

  BlobReference ParseBlob() {
    BlobReference blob;
    Expect("BLOBFILE");
    Expect("(");
    Expect("path");
    Expect("=");
    const Literal path = ParseLiteral();
    if (path.elements.size() != 1 || path.elements[0].kind != TokenKind::kString) {
      FailSyntax(path.position, "path of BLOBFILE to be a string", "another value");
    }
    blob.path = Unescape(path.elements[0].text);
    Expect(",");
    Expect("offset");
    Expect("=");
    const Literal offset = ParseLiteral();
    if (offset.elements.size() != 1 || offset.elements[0].kind != TokenKind::kNumber) {
      FailSyntax(offset.position, "offset of BLOBFILE to be a number", "another value");
    }
    blob.offset = UnsignedNumber(offset.elements[0], "offset of BLOBFILE");
    Expect(")");
    return blob;
  }

  Type ParseType() {
    const Token word = Take(TokenKind::kIdentifier, "a type");
    Type type;
    if (ElementNamed(word.text, &type.element)) return type;
    if (word.text != "tensor") FailSyntax(word.position, "a type" + where_, Describe(word));
    Expect("<");
    const Token element = Take(TokenKind::kIdentifier, "an element type");
    if (!ElementNamed(element.text, &type.element))
      FailSyntax(element.position, "an element type" + where_, Describe(element));
    Expect(",");
    Expect("[");
    while (!Is("]")) {
      const Token token = Take(TokenKind::kNumber, "a dimension");
      const uint64_t dimension = UnsignedNumber(token, "a dimension");
      if (dimension == 0) FailSyntax(token.position, "a dimension from 1 up", "`0`");
      if (type.shape.size() == kMaxRank)
        FailSyntax(token.position, "at most " + std::to_string(kMaxRank) + " dimensions", "more");
      type.shape.push_back(static_cast<int64_t>(std::min(dimension, static_cast<uint64_t>(kLargestSize))));
      if (type.elements() > kMaxElements) {
        FailSyntax(token.position, "a tensor of at most " + std::to_string(kMaxElements) + " elements",
                   SizeText(type.elements()));
      }
      if (!Accept(",")) break;
    }
    Expect("]");
    Expect(">");
    return type;
  }

  uint64_t UnsignedNumber(const Token& token, const std::string& what) const {
    uint64_t value = 0;
    for (char c : token.text) {
      if (c < '0' || c > '9' || value > (UINT64_MAX - 9) / 10)
        FailSyntax(token.position, what + " as a whole number", Describe(token));
      value = value * 10 + static_cast<uint64_t>(c - '0');
    }
    return value;
  }

  Lexer lexer_;
  Token token_;
  // The current statement, for messages; empty outside of one.
  std::string where_;
};

}  // namespace

std::string Unescape(std::string_view text) {
  std::string value;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      const char c = text[++i];
      value += c == 'n' ? '\n' : c == 't' ? '\t' : c;
    } else {
      value += text[i];
    }
  }
  return value;
}

std::vector<Function> ParseProgram(std::string_view text) {
  if (text.size() > kMaxTextBytes) {
    FailSyntax({1, 1}, "at most " + std::to_string(kMaxTextBytes) + " bytes of MIL text", std::to_string(text.size()));
  }
  return Parser(text).Program();
}

const Function& ChooseFunction(const std::vector<Function>& functions, std::string_view name) {
  std::string names;
  for (const Function& function : functions) {
    if (function.name.text == (name.empty() ? "main" : name)) return function;
    names += (names.empty() ? "" : ", ") + std::string(function.name.text);
  }
  if (name.empty()) return functions.front();
  throw Error("ERR_INVALID_ARGUMENT",
              "Expected function to be one of the program's (" + names + "), got " + std::string(name));
}

}  // namespace mayfly::mil
