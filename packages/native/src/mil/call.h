// One call of an operation while it is checked: its arguments by name, and errors that name argument and position.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mil/ast.h"
#include "mil/typed_program.h"

namespace mayfly::mil {

// An argument whose names are resolved.
struct ResolvedArgument {
  Name name;
  bool tuple;
  std::vector<ValueId> values;
  bool used = false;
};

class Call {
 public:
  Call(TypedProgram* program, const Statement& statement, std::vector<ResolvedArgument> arguments, int opset);

  // N of `func main<iosN>`.
  int opset() const { return opset_; }
  bool Has(const char* name) const;

  // Arguments that are tensors, computed or constant.
  ValueId Tensor(const char* name);
  std::optional<ValueId> OptionalTensor(const char* name);
  std::vector<ValueId> Tuple(const char* name);
  // An argument that is a tensor, or a constant of a packed type, which becomes int8 or uint8.
  ValueId Unpacked(const char* name);
  // Bits of an element of that argument: less than 8 for a packed type.
  int PackedBits(const char* name) const;
  // The bytes of a value that ExpectConstant has accepted.
  const uint8_t* DataOf(ValueId value) const { return program_->values[value].constant->data; }
  const Type& TypeOf(ValueId value) const { return program_->values[value].type; }
  const Shape& ShapeOf(ValueId value) const { return TypeOf(value).shape; }

  // Arguments that are constants. They are required unless there is a fallback.
  int64_t Int(const char* name, std::optional<int64_t> fallback = {});
  Shape Ints(const char* name, std::optional<Shape> fallback = {});
  bool Bool(const char* name, std::optional<bool> fallback = {});
  std::vector<bool> Bools(const char* name, size_t count, bool fallback);
  std::string Text(const char* name, std::optional<std::string> fallback = {});
  double Number(const char* name, std::optional<double> fallback = {});
  // An axis of a tensor of `rank`; a negative one counts from the end.
  int Axis(const char* name, int rank, std::optional<int64_t> fallback = {});
  // Accepts an argument that has no effect.
  void Ignore(const char* name);

  // ERR_MIL_TYPE: "Expected argument `name` of conv `y` to be …, got …".
  [[noreturn]] void FailArgument(const char* name, const std::string& expected, const std::string& got) const;
  // ERR_MIL_TYPE about the operation as a whole.
  [[noreturn]] void Fail(const std::string& expected, const std::string& got) const;
  [[noreturn]] void FailUnsupported(const std::string& expected, const std::string& got) const;
  void ExpectFloat(const char* name, ValueId value) const;

  // Throws unless the argument is a constant.
  void ExpectConstant(const char* name);

  // A constant scalar of fp16 or fp32, for the arithmetic of an operation that is made of others.
  ValueId Scalar(Element element, double value);
  // A constant of fp32.
  ValueId Constant(Shape shape, const std::vector<float>& elements);

  // Appends an operation for an intermediate value.
  ValueId Compute(OpKind kind, std::vector<ValueId> inputs, Type result, Attributes attributes = {});
  // Appends an operation for the next declared result, whose declared type must be `result`.
  void Emit(OpKind kind, std::vector<ValueId> inputs, Type result, Attributes attributes = {});
  // Makes a constant the next declared result.
  void EmitConstant(Type result, std::vector<uint8_t> bytes);
  const std::vector<ValueId>& emitted() const { return emitted_; }
  size_t result_count() const { return statement_.results.size(); }
  // Throws unless all results were emitted and all arguments were read.
  void Finish() const;

 private:
  const ResolvedArgument* Find(const char* name) const;
  // The next declared result, after its type was compared with `result`.
  const Declaration& NextResult(const Type& result) const;
  ValueId Define(Type type, std::vector<uint8_t> bytes);
  // Null if the argument is absent.
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
