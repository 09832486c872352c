#include "mil/call.h"

#include "bytes.h"
#include "math/simd/half.h"

namespace mayfly::mil {
namespace {

constexpr int64_t kMaxListElements = 4096;

template <typename T>
T ElementAt(const uint8_t* data, int64_t index) {
  return LoadBytes<T>(data + index * static_cast<int64_t>(sizeof(T)));
}

}  // namespace

Call::Call(TypedProgram* program, const Statement& statement, std::vector<ResolvedArgument> arguments, int opset)
    : program_(program), statement_(statement), arguments_(std::move(arguments)), opset_(opset) {
  label_ = std::string(statement.operation.text) + " `" + std::string(statement.results[0].name.text) + "`";
}

const ResolvedArgument* Call::Find(const char* name) const {
  for (const ResolvedArgument& argument : arguments_) {
    if (argument.name.text == name) return &argument;
  }
  return nullptr;
}

bool Call::Has(const char* name) const { return Find(name) != nullptr; }

void Call::FailArgument(const char* name, const std::string& expected, const std::string& got) const {
  const ResolvedArgument* argument = Find(name);
  FailAt("ERR_MIL_TYPE", argument != nullptr ? argument->name.position : statement_.operation.position,
         std::string("Expected argument `") + name + "` of " + label_ + " to be " + expected + ", got " + got);
}

void Call::Fail(const std::string& expected, const std::string& got) const {
  FailAt("ERR_MIL_TYPE", statement_.operation.position, "Expected " + label_ + " " + expected + ", got " + got);
}

void Call::FailUnsupported(const std::string& expected, const std::string& got) const {
  FailAt("ERR_MIL_UNSUPPORTED", statement_.operation.position, "Expected " + label_ + " " + expected + ", got " + got);
}

void Call::Ignore(const char* name) {
  for (ResolvedArgument& argument : arguments_) {
    if (argument.name.text == name) argument.used = true;
  }
}

std::vector<ValueId> Call::Tuple(const char* name) {
  const ResolvedArgument* argument = Find(name);
  if (argument == nullptr) FailArgument(name, "given", "nothing");
  Ignore(name);
  for (ValueId value : argument->values) {
    if (!IsTensorElement(TypeOf(value).element)) FailArgument(name, "a tensor", ToString(TypeOf(value)));
  }
  return argument->values;
}

ValueId Call::Tensor(const char* name) {
  const std::vector<ValueId> values = Tuple(name);
  if (Find(name)->tuple) FailArgument(name, "one tensor", "a tuple of " + std::to_string(values.size()));
  return values[0];
}

std::optional<ValueId> Call::OptionalTensor(const char* name) {
  if (!Has(name)) return {};
  return Tensor(name);
}

ValueId Call::Unpacked(const char* name) {
  const ResolvedArgument* argument = Find(name);
  if (argument == nullptr || argument->tuple || !IsPacked(TypeOf(argument->values[0]).element)) return Tensor(name);
  Ignore(name);
  const Value packed = program_->values[static_cast<size_t>(argument->values[0])];
  const Element element = packed.type.element == Element::kInt4 ? Element::kInt8 : Element::kUint8;
  program_->values.push_back({"", {element, packed.type.shape}, packed.constant});
  return static_cast<ValueId>(program_->values.size()) - 1;
}

int Call::PackedBits(const char* name) const { return BitsOf(TypeOf(Find(name)->values[0]).element); }

void Call::ExpectFloat(const char* name, ValueId value) const {
  if (!IsFloat(TypeOf(value).element)) FailArgument(name, "a tensor of fp16 or fp32", ToString(TypeOf(value)));
}

void Call::ExpectConstant(const char* name) { FindConstant(name, true); }

const Value* Call::FindConstant(const char* name, bool required) {
  const ResolvedArgument* argument = Find(name);
  if (argument == nullptr) {
    if (required) FailArgument(name, "given", "nothing");
    return nullptr;
  }
  Ignore(name);
  if (argument->tuple) FailArgument(name, "one constant", "a tuple");
  const Value& value = program_->values[argument->values[0]];
  if (value.constant == nullptr) FailArgument(name, "a constant", "the computed value `" + value.name + "`");
  return &value;
}

int64_t Call::ElementAsInt(const char* name, const Value& value, int64_t index) const {
  const uint8_t* data = value.constant->data;
  switch (value.type.element) {
    case Element::kInt32: return ElementAt<int32_t>(data, index);
    case Element::kInt8: return ElementAt<int8_t>(data, index);
    case Element::kUint8: return ElementAt<uint8_t>(data, index);
    case Element::kInt16: return ElementAt<int16_t>(data, index);
    case Element::kUint16: return ElementAt<uint16_t>(data, index);
    case Element::kUint32: return ElementAt<uint32_t>(data, index);
    case Element::kFp16:
    case Element::kFp32:
    case Element::kBool:
    case Element::kString:
    case Element::kUint64:
    case Element::kInt4:
    case Element::kUint1:
    case Element::kUint2:
    case Element::kUint3:
    case Element::kUint4:
    case Element::kUint6: break;
  }
  FailArgument(name, "of an integer type", ToString(value.type));
}

int64_t Call::Int(const char* name, std::optional<int64_t> fallback) {
  const Value* value = FindConstant(name, !fallback.has_value());
  if (value == nullptr) return *fallback;
  if (value->type.rank() != 0) FailArgument(name, "a scalar", ToString(value->type));
  return ElementAsInt(name, *value, 0);
}

Shape Call::Ints(const char* name, std::optional<Shape> fallback) {
  const Value* value = FindConstant(name, !fallback.has_value());
  if (value == nullptr) return *fallback;
  if (value->type.rank() != 1) FailArgument(name, "a list", ToString(value->type));
  if (value->type.elements() > kMaxListElements)
    FailArgument(name, "a list of at most 4096 elements", ToString(value->type));
  Shape list;
  for (int64_t i = 0; i < value->type.elements(); ++i) list.push_back(ElementAsInt(name, *value, i));
  return list;
}

bool Call::Bool(const char* name, std::optional<bool> fallback) {
  const Value* value = FindConstant(name, !fallback.has_value());
  if (value == nullptr) return *fallback;
  if (value->type != Type{Element::kBool, {}}) FailArgument(name, "a bool", ToString(value->type));
  return value->constant->data[0] != 0;
}

std::vector<bool> Call::Bools(const char* name, size_t count, bool fallback) {
  const Value* value = FindConstant(name, false);
  if (value == nullptr) return std::vector<bool>(count, fallback);
  if (value->type != Type{Element::kBool, {static_cast<int64_t>(count)}}) {
    FailArgument(name, std::to_string(count) + " bools", ToString(value->type));
  }
  return std::vector<bool>(value->constant->data, value->constant->data + count);
}

std::string Call::Text(const char* name, std::optional<std::string> fallback) {
  const Value* value = FindConstant(name, !fallback.has_value());
  if (value == nullptr) return *fallback;
  if (value->type.element != Element::kString) FailArgument(name, "a string", ToString(value->type));
  return value->constant->text;
}

double Call::Number(const char* name, std::optional<double> fallback) {
  const Value* value = FindConstant(name, !fallback.has_value());
  if (value == nullptr) return *fallback;
  if (value->type.rank() == 0 && value->type.element == Element::kFp16)
    return HalfToFloat(ElementAt<uint16_t>(value->constant->data, 0));
  if (value->type.rank() == 0 && value->type.element == Element::kFp32)
    return ElementAt<float>(value->constant->data, 0);
  FailArgument(name, "a scalar of fp16 or fp32", ToString(value->type));
}

int Call::Axis(const char* name, int rank, std::optional<int64_t> fallback) {
  const int64_t axis = Int(name, fallback);
  if (axis < -rank || axis >= rank) {
    FailArgument(name, "from " + std::to_string(-rank) + " to " + std::to_string(rank - 1), std::to_string(axis));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

ValueId Call::Define(Type type, std::vector<uint8_t> bytes) {
  auto constant = std::make_shared<mil::Constant>();
  constant->owned = std::move(bytes);
  constant->data = constant->owned.data();
  program_->values.push_back({"", std::move(type), std::move(constant)});
  return static_cast<ValueId>(program_->values.size()) - 1;
}

ValueId Call::Scalar(Element element, double value) {
  std::vector<uint8_t> bytes(SizeOf(AsDType(element)));
  if (element == Element::kFp16) {
    StoreBytes(bytes.data(), DoubleToHalf(value));
  } else {
    StoreBytes(bytes.data(), static_cast<float>(value));
  }
  return Define({element, {}}, std::move(bytes));
}

ValueId Call::Constant(Shape shape, const std::vector<float>& elements) {
  std::vector<uint8_t> bytes(elements.size() * sizeof(float));
  for (size_t i = 0; i < elements.size(); ++i) StoreBytes(bytes.data() + i * sizeof(float), elements[i]);
  return Define({Element::kFp32, std::move(shape)}, std::move(bytes));
}

const Declaration& Call::NextResult(const Type& result) const {
  if (emitted_.size() == statement_.results.size()) Fail("to declare more results", std::to_string(emitted_.size()));
  const Declaration& declared = statement_.results[emitted_.size()];
  for (int64_t dimension : result.shape) {
    if (dimension < 1) Fail("to have a result without empty dimensions", ToString(result));
  }
  if (result.elements() > kMaxElements)
    Fail("to have a result of at most " + std::to_string(kMaxElements) + " elements", ToString(result));
  if (result.rank() > kMaxRank)
    Fail("to have a result of at most " + std::to_string(kMaxRank) + " dimensions", ToString(result));
  if (declared.type != result) {
    FailAt("ERR_MIL_TYPE", declared.name.position,
           "Expected `" + std::string(declared.name.text) + "` of " + label_ + " to be declared " + ToString(result) +
               ", got " + ToString(declared.type));
  }
  return declared;
}

void Call::Emit(OpKind kind, std::vector<ValueId> inputs, Type result, Attributes attributes) {
  const Declaration& declared = NextResult(result);
  const ValueId id = Compute(kind, std::move(inputs), std::move(result), std::move(attributes));
  program_->values[static_cast<size_t>(id)].name = std::string(declared.name.text);
  emitted_.push_back(id);
}

void Call::EmitConstant(Type result, std::vector<uint8_t> bytes) {
  const Declaration& declared = NextResult(result);
  const ValueId id = Define(std::move(result), std::move(bytes));
  program_->values[static_cast<size_t>(id)].name = std::string(declared.name.text);
  emitted_.push_back(id);
}

ValueId Call::Compute(OpKind kind, std::vector<ValueId> inputs, Type result, Attributes attributes) {
  const ValueId id = static_cast<ValueId>(program_->values.size());
  program_->values.push_back({"", std::move(result), nullptr});
  program_->operations.push_back(
      {kind, std::move(inputs), id, std::move(attributes), label_, statement_.operation.position});
  return id;
}

void Call::Finish() const {
  if (emitted_.size() != statement_.results.size()) {
    Fail("to declare " + std::to_string(emitted_.size()) + " results", std::to_string(statement_.results.size()));
  }
  for (const ResolvedArgument& argument : arguments_) {
    if (argument.used) continue;
    FailAt("ERR_MIL_TYPE", argument.name.position,
           "Expected an argument that " + label_ + " has, got `" + std::string(argument.name.text) + "`");
  }
}

}  // namespace mayfly::mil
