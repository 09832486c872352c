// One operation of a program while it is checked: its arguments by name, with errors that say which and where.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mil/ast.h"
#include "mil/typed_program.h"

namespace mayfly::mil {

// An argument with its values resolved.
struct ResolvedArgument {
  Name name;
  bool tuple;
  std::vector<ValueId> values;
  bool used = false;
};

class Call {
 public:
  Call(TypedProgram* program, const Statement& statement, std::vector<ResolvedArgument> arguments, int opset);

  // Of function<iosN>.
  int opset() const { return opset_; }
  bool Has(const char* name) const;

  // Tensors, computed or constant.
  ValueId Tensor(const char* name);
  std::optional<ValueId> OptionalTensor(const char* name);
  std::vector<ValueId> Tuple(const char* name);
  const Type& TypeOf(ValueId value) const { return program_->values[value].type; }
  const Shape& ShapeOf(ValueId value) const { return TypeOf(value).shape; }

  // Parameters: constants. Without a default they are required.
  int64_t Int(const char* name, std::optional<int64_t> fallback = {});
  Shape Ints(const char* name, std::optional<Shape> fallback = {});
  bool Bool(const char* name, std::optional<bool> fallback = {});
  std::vector<bool> Bools(const char* name, size_t count, bool fallback);
  std::string Text(const char* name, std::optional<std::string> fallback = {});
  double Number(const char* name, std::optional<double> fallback = {});
  // One axis of a tensor of `rank`, negative ones counted from the end.
  int Axis(const char* name, int rank, std::optional<int64_t> fallback = {});
  // Marks an argument as known though it changes nothing.
  void Ignore(const char* name);

  // ERR_MIL_TYPE: "Expected argument `name` of conv `y` to be …, got …".
  [[noreturn]] void FailArgument(const char* name, const std::string& expected, const std::string& got) const;
  // ERR_MIL_TYPE about the operation as a whole.
  [[noreturn]] void Fail(const std::string& expected, const std::string& got) const;
  [[noreturn]] void FailUnsupported(const std::string& expected, const std::string& got) const;
  void ExpectFloat(const char* name, ValueId value) const;

  // The argument must not depend on inputs.
  void ExpectConstant(const char* name);

  // Appends an operation on the way to a declared result.
  ValueId Compute(OpKind kind, std::vector<ValueId> inputs, Type result, Attributes attributes = {});
  // Appends an operation whose result is the next declared one; checks the declared type.
  void Emit(OpKind kind, std::vector<ValueId> inputs, Type result, Attributes attributes = {});
  const std::vector<ValueId>& emitted() const { return emitted_; }
  size_t result_count() const { return statement_.results.size(); }
  // All results emitted, all arguments used.
  void Finish() const;

 private:
  const ResolvedArgument* Find(const char* name) const;
  // Null where the argument is absent.
  const Value* FindConstant(const char* name, bool required);
  int64_t ElementAsInt(const char* name, const Value& value, int64_t index) const;

  TypedProgram* program_;
  const Statement& statement_;
  std::vector<ResolvedArgument> arguments_;
  int opset_;
  std::string label_;
  std::vector<ValueId> emitted_;
};

}  // namespace mayfly::mil
