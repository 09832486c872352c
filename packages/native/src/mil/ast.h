// The syntax tree of MIL text. Its views point into the text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mil/lexer.h"
#include "mil/type.h"

namespace mayfly::mil {

struct Name {
  std::string_view text;
  Position position;
};

// BLOBFILE(path=string("…"), offset=uint64(…)).
struct BlobReference {
  std::string path;
  uint64_t offset;
};

// int32(1), tensor<fp16, [2]>([0x1p-3, 1]), tensor<…>(BLOBFILE(…)), or bare: true, 1, "text", [1, 2].
struct Literal {
  std::optional<Type> type;
  // Whether it is a list in brackets. `elements` has nested lists flattened.
  bool list = false;
  std::vector<Token> elements;
  std::optional<BlobReference> blob;
  Position position;
};

// name=value or name=(value, …).
struct Argument {
  Name name;
  bool tuple = false;
  std::vector<std::variant<Name, Literal>> values;
};

struct Declaration {
  Type type;
  Name name;
};

// tensor<…> a, tensor<…> b = op(arguments)[attributes];
struct Statement {
  std::vector<Declaration> results;
  Name operation;
  std::vector<Argument> arguments;
  std::vector<Argument> attributes;
};

// func main<ios18>(parameters) { statements } -> (returns);
struct Function {
  Name name;
  Name opset;
  std::vector<Declaration> parameters;
  std::vector<Statement> statements;
  std::vector<Name> returns;
};

}  // namespace mayfly::mil
