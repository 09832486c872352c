// Compiled for size: its functions run seldom.
#ifndef __clang__
#pragma GCC optimize("Os")
#endif

#include <cmath>
#include <string>

#include "exports.h"
#include "mil/ast.h"
#include "mil/parser.h"
#include "mil/weight_blob.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "number_text.h"

namespace mayfly {
namespace {

// Of longer lists only the length is given: they are data, which no rule of a chip reads.
constexpr size_t kShownElements = 4096;

class Inspector {
 public:
  explicit Inspector(Napi::Env env) : env_(env) {}

  Napi::Object Program(const std::vector<mil::Function>& functions, const mil::Function& chosen) const {
    Napi::Object object = Function(chosen);
    object.Set("functions", List(functions, [&](const mil::Function& each) { return Text(each.name.text); }));
    return object;
  }

 private:
  Napi::Object Function(const mil::Function& function) const {
    Napi::Object object = Napi::Object::New(env_);
    object.Set("name", Text(function.name.text));
    object.Set("opset", Text(function.opset.text));
    object.Set("inputs", List(function.parameters, [&](const mil::Declaration& each) { return Declaration(each); }));
    object.Set("operations", List(function.statements, [&](const mil::Statement& each) { return Operation(each); }));
    object.Set("outputs", List(function.returns, [&](const mil::Name& each) { return NameOnly(each); }));
    return object;
  }

  template <typename Items, typename Convert>
  Napi::Array List(const Items& items, const Convert& convert) const {
    Napi::Array array = Napi::Array::New(env_, items.size());
    for (uint32_t i = 0; i < items.size(); ++i) array.Set(i, convert(items[i]));
    return array;
  }

  Napi::String Text(std::string_view text) const { return Napi::String::New(env_, text.data(), text.size()); }

  Napi::Number Number(int64_t value) const { return Napi::Number::New(env_, static_cast<double>(value)); }

  Napi::Object At(mil::Position position) const {
    Napi::Object object = Napi::Object::New(env_);
    object.Set("line", Number(position.line));
    object.Set("column", Number(position.column));
    return object;
  }

  Napi::Object NameOnly(const mil::Name& name) const {
    Napi::Object object = At(name.position);
    object.Set("name", Text(name.text));
    return object;
  }

  void SetType(Napi::Object object, const mil::Type& type) const {
    object.Set("dtype", mil::NameOf(type.element));
    object.Set("shape", List(type.shape, [&](int64_t each) { return Number(each); }));
  }

  Napi::Object Declaration(const mil::Declaration& declaration) const {
    Napi::Object object = NameOnly(declaration.name);
    SetType(object, declaration.type);
    return object;
  }

  Napi::Object Operation(const mil::Statement& statement) const {
    Napi::Object object = At(statement.operation.position);
    object.Set("operation", Text(statement.operation.text));
    object.Set("results", List(statement.results, [&](const mil::Declaration& each) { return Declaration(each); }));
    object.Set("arguments", List(statement.arguments, [&](const mil::Argument& each) { return Argument(each); }));
    object.Set("attributes", List(statement.attributes, [&](const mil::Argument& each) { return Argument(each); }));
    return object;
  }

  Napi::Object Argument(const mil::Argument& argument) const {
    Napi::Object object = NameOnly(argument.name);
    object.Set("values", List(argument.values, [&](const std::variant<mil::Name, mil::Literal>& value) {
                 const mil::Name* name = std::get_if<mil::Name>(&value);
                 return name != nullptr ? NameOnly(*name) : Literal(std::get<mil::Literal>(value));
               }));
    return object;
  }

  Napi::Object Literal(const mil::Literal& literal) const {
    Napi::Object object = At(literal.position);
    if (literal.type) SetType(object, *literal.type);
    if (literal.blob) {
      Napi::Object blob = Napi::Object::New(env_);
      blob.Set("path", literal.blob->path);
      blob.Set("offset", Number(static_cast<int64_t>(literal.blob->offset)));
      object.Set("blob", blob);
    } else {
      object.Set("count", Number(static_cast<int64_t>(literal.elements.size())));
      if (literal.elements.size() <= kShownElements) {
        object.Set("elements", List(literal.elements, [&](const mil::Token& each) { return Element(each); }));
      }
    }
    return object;
  }

  Napi::Value Element(const mil::Token& token) const {
    if (token.kind == mil::TokenKind::kString) return Napi::String::New(env_, mil::Unescape(token.text));
    if (token.text == "true" || token.text == "false") return Napi::Boolean::New(env_, token.text == "true");
    return Napi::Number::New(env_, ReadNumber(std::string(token.text)).value_or(std::nan("")));
  }

  Napi::Env env_;
};

// Reads the record of each BLOBFILE, and gives an object for each that cannot be read or does not describe its tensor.
class RecordInspector {
 public:
  RecordInspector(Napi::Env env, const std::vector<mil::WeightFile>& files)
      : env_(env), files_(files), findings_(Napi::Array::New(env)) {}

  Napi::Array Inspect(const std::vector<mil::Function>& functions) {
    for (const mil::Function& function : functions) {
      for (const mil::Statement& statement : function.statements) {
        for (const std::vector<mil::Argument>* given : {&statement.arguments, &statement.attributes}) {
          for (const mil::Argument& argument : *given) Inspect(argument);
        }
      }
    }
    return findings_;
  }

 private:
  void Inspect(const mil::Argument& argument) {
    for (const auto& value : argument.values) {
      const auto* literal = std::get_if<mil::Literal>(&value);
      if (literal == nullptr || !literal->blob) continue;
      try {
        std::vector<std::string> warnings;
        mil::FindBlob(files_, *literal->blob, *literal->type, literal->position, &warnings);
        for (const std::string& warning : warnings) Add("warning", warning, literal->position);
      } catch (const Error& error) {
        if (error.code() != "ERR_WEIGHT_BLOB") throw;
        Add("error", error.what(), literal->position);
      }
    }
  }

  void Add(const char* level, const std::string& message, mil::Position position) {
    Napi::Object finding = Napi::Object::New(env_);
    finding.Set("level", level);
    finding.Set("message", message);
    finding.Set("line", position.line);
    finding.Set("column", position.column);
    findings_.Set(findings_.Length(), finding);
  }

  Napi::Env env_;
  const std::vector<mil::WeightFile>& files_;
  Napi::Array findings_;
};

}  // namespace

void ExportInspect(Napi::Env env, Napi::Object exports) {
  exports.Set("inspectMil", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(), [&]() -> Napi::Value {
                  const std::string text = Text(info[0], "text");
                  const std::vector<mil::Function> functions = mil::ParseProgram(text);
                  const std::string name = info[1].IsUndefined() ? "" : Text(info[1], "function");
                  return Inspector(info.Env()).Program(functions, mil::ChooseFunction(functions, name));
                });
              }));
  exports.Set("inspectRecords", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(), [&]() -> Napi::Value {
                  const std::string text = Text(info[0], "text");
                  const std::vector<mil::WeightFile> files =
                      ListOf(ArrayOf(info[1], "files"), [](const Napi::Value& each) {
                        const Napi::Object file = ObjectOf(each, "file");
                        const auto [data, bytes] = BytesOf(file.Get("data"), "data");
                        return mil::WeightFile{Text(file.Get("path"), "path"), data, bytes};
                      });
                  return RecordInspector(info.Env(), files).Inspect(mil::ParseProgram(text));
                });
              }));
}

}  // namespace mayfly
