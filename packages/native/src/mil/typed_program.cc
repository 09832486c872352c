#include "mil/typed_program.h"

#include <unordered_map>

#include "error.h"
#include "mil/call.h"
#include "mil/constant.h"
#include "mil/op_table.h"
#include "mil/parser.h"

namespace mayfly::mil {
namespace {

class Checker {
 public:
  explicit Checker(const std::vector<WeightFile>& files) : files_(files) {}

  TypedProgram Check(const Function& function) {
    opset_ = Opset(function.opset);
    for (const Declaration& parameter : function.parameters) {
      if (!IsTensorElement(parameter.type.element)) {
        FailAt("ERR_MIL_TYPE", parameter.name.position,
               "Expected parameter `" + std::string(parameter.name.text) + "` to be a tensor, got " +
                   ToString(parameter.type));
      }
      program_.parameters.push_back(
          Define(parameter.name, {std::string(parameter.name.text), parameter.type, nullptr}));
    }
    for (const Statement& statement : function.statements) CheckStatement(statement);
    for (const Name& name : function.returns) {
      const ValueId value = Resolve(name);
      if (!IsTensorElement(program_.values[value].type.element)) {
        FailAt("ERR_MIL_TYPE", name.position,
               "Expected result `" + std::string(name.text) + "` to be a tensor, got " +
                   ToString(program_.values[value].type));
      }
      program_.returns.push_back(value);
    }
    return std::move(program_);
  }

 private:
  static int Opset(const Name& name) {
    for (int version : {15, 16, 17, 18}) {
      if (name.text == "ios" + std::to_string(version)) return version;
    }
    FailAt("ERR_MIL_UNSUPPORTED", name.position,
           "Expected operation set ios15, ios16, ios17 or ios18, got `" + std::string(name.text) + "`");
  }

  void Bind(const Name& name, ValueId value) {
    if (!names_.emplace(name.text, value).second) {
      FailAt("ERR_MIL_TYPE", name.position,
             "Expected a new name, got `" + std::string(name.text) + "`, which is defined above");
    }
  }

  ValueId Define(const Name& name, Value value) {
    const ValueId id = static_cast<ValueId>(program_.values.size());
    Bind(name, id);
    program_.values.push_back(std::move(value));
    return id;
  }

  ValueId Resolve(const Name& name) const {
    const auto found = names_.find(name.text);
    if (found == names_.end()) {
      FailAt("ERR_MIL_TYPE", name.position,
             "Expected a name that is defined above, got `" + std::string(name.text) + "`");
    }
    return found->second;
  }

  void CheckStatement(const Statement& statement) {
    if (statement.operation.text == "const") return CheckConst(statement);
    const CheckFunction check = FindOperation(statement.operation.text);
    if (check == nullptr) {
      FailAt("ERR_MIL_UNSUPPORTED", statement.operation.position,
             "Expected an operation that this device has, got " + std::string(statement.operation.text) + " `" +
                 std::string(statement.results[0].name.text) + "`");
    }
    // A constexpr operation may have its arguments among the attributes.
    const bool constexpr_operation = statement.operation.text.rfind("constexpr_", 0) == 0;
    std::vector<Argument> given = statement.arguments;
    if (constexpr_operation) {
      for (const Argument& attribute : statement.attributes) {
        if (attribute.name.text != "name") given.push_back(attribute);
      }
    } else {
      CheckAttributes(statement, false);
    }
    std::vector<ResolvedArgument> arguments;
    for (const Argument& argument : given) {
      for (const ResolvedArgument& earlier : arguments) {
        if (earlier.name.text == argument.name.text) {
          FailAt("ERR_MIL_TYPE", argument.name.position,
                 "Expected argument `" + std::string(argument.name.text) + "` once, got it twice");
        }
      }
      arguments.push_back({argument.name, argument.tuple, {}});
      for (const auto& value : argument.values) arguments.back().values.push_back(ResolveArgument(value));
    }
    Call call(&program_, statement, std::move(arguments), opset_);
    check(call);
    call.Finish();
    for (size_t i = 0; i < statement.results.size(); ++i) Bind(statement.results[i].name, call.emitted()[i]);
  }

  ValueId ResolveArgument(const std::variant<Name, Literal>& value) {
    if (const Name* name = std::get_if<Name>(&value)) return Resolve(*name);
    program_.values.push_back(EvaluateLiteral(std::get<Literal>(value), nullptr, files_, &program_.warnings));
    return static_cast<ValueId>(program_.values.size()) - 1;
  }

  // Allows `name` and, for a const, `val`, which it returns.
  const Literal* CheckAttributes(const Statement& statement, bool constant) const {
    const Literal* val = nullptr;
    for (const Argument& attribute : statement.attributes) {
      const Literal* literal = attribute.tuple ? nullptr : std::get_if<Literal>(&attribute.values[0]);
      const bool known = attribute.name.text == "name" || (constant && attribute.name.text == "val");
      if (!known || literal == nullptr) {
        FailAt("ERR_MIL_TYPE", attribute.name.position,
               std::string("Expected attribute `name`") + (constant ? " or `val`" : "") + " with a literal for `" +
                   std::string(statement.results[0].name.text) + "`, got `" + std::string(attribute.name.text) + "`");
      }
      if (attribute.name.text == "val") val = literal;
    }
    return val;
  }

  void CheckConst(const Statement& statement) {
    const Declaration& result = statement.results[0];
    const Literal* val = CheckAttributes(statement, true);
    if (statement.results.size() != 1 || !statement.arguments.empty() || val == nullptr) {
      FailAt("ERR_MIL_TYPE", statement.operation.position,
             "Expected const `" + std::string(result.name.text) +
                 "` to have one result, no arguments and an attribute `val`, got otherwise");
    }
    Value value = EvaluateLiteral(*val, &result.type, files_, &program_.warnings);
    value.name = std::string(result.name.text);
    Define(result.name, std::move(value));
  }

  const std::vector<WeightFile>& files_;
  TypedProgram program_;
  std::unordered_map<std::string_view, ValueId> names_;
  int opset_ = 0;
};

}  // namespace

TypedProgram CheckProgram(std::string_view text, const std::vector<WeightFile>& files, std::string_view function) {
  const std::vector<Function> functions = ParseProgram(text);
  return Checker(files).Check(ChooseFunction(functions, function));
}

}  // namespace mayfly::mil
