// Quantization: x ≈ scale · (q − zero point), with one scale, or one for each index along an axis. These operations
// become casts of q and arithmetic in the scale's type, so that devices need no others.
#include "mil/op_table.h"

namespace mayfly::mil {
namespace {

bool IsQuantized(Element element) { return element == Element::kInt8 || element == Element::kUint8; }

// A scale or zero point in a form that broadcasts against a tensor of `shape`: a vector lies along the axis.
ValueId Broadcastable(Call& call, const char* name, ValueId value, const Shape& shape, std::optional<int> axis) {
  const Type type = call.TypeOf(value);
  if (type.rank() == 0) return value;
  if (!axis || type.rank() != 1 || type.shape[0] != shape[static_cast<size_t>(*axis)]) {
    call.FailArgument(name, "a scalar, or a vector as long as the axis", ToString(type));
  }
  Type spread{type.element, Shape(shape.size() - static_cast<size_t>(*axis), 1)};
  spread.shape[0] = type.shape[0];
  return call.Compute(OpKind::kReshape, {value}, spread);
}

struct Scaling {
  ValueId scale;
  // In the scale's type; none stands for 0.
  std::optional<ValueId> zero_point;
};

Scaling ReadScaling(Call& call, const Shape& shape, Element quantized) {
  const ValueId scale = call.Tensor("scale");
  call.ExpectFloat("scale", scale);
  std::optional<int> axis;
  if (call.Has("axis")) axis = call.Axis("axis", static_cast<int>(shape.size()));
  const std::optional<ValueId> zero_point = call.OptionalTensor("zero_point");
  Scaling scaling{Broadcastable(call, "scale", scale, shape, axis), {}};
  if (!zero_point) return scaling;
  if (call.TypeOf(*zero_point).element != quantized) {
    call.FailArgument("zero_point", std::string("of ") + NameOf(quantized), ToString(call.TypeOf(*zero_point)));
  }
  const ValueId spread = Broadcastable(call, "zero_point", *zero_point, shape, axis);
  scaling.zero_point = call.Compute(OpKind::kCast, {spread}, {call.TypeOf(scale).element, call.ShapeOf(spread)});
  return scaling;
}

// scale · (q − zero point)
void EmitDequantized(Call& call, const char* name) {
  const ValueId quantized = call.Tensor(name);
  const Type type = call.TypeOf(quantized);
  if (!IsQuantized(type.element)) call.FailArgument(name, "a tensor of int8 or uint8", ToString(type));
  const Scaling scaling = ReadScaling(call, type.shape, type.element);
  const Type result{call.TypeOf(scaling.scale).element, type.shape};
  ValueId value = call.Compute(OpKind::kCast, {quantized}, result);
  if (scaling.zero_point) value = call.Compute(OpKind::kSub, {value, *scaling.zero_point}, result);
  call.Emit(OpKind::kMul, {value, scaling.scale}, result);
}

void CheckDequantize(Call& call) { EmitDequantized(call, "input"); }

void CheckConstexprAffineDequantize(Call& call) {
  for (const char* name : {"quantized_data", "zero_point", "scale", "axis"}) {
    if (!call.Has(name)) call.FailArgument(name, "given", "nothing");
  }
  call.ExpectConstant("quantized_data");
  EmitDequantized(call, "quantized_data");
}

// clip(round(x / scale) + zero point), ties to even.
void CheckQuantize(Call& call) {
  const ValueId input = call.Tensor("input");
  call.ExpectFloat("input", input);
  const Type type = call.TypeOf(input);
  const std::string name = call.Text("output_dtype");
  Element element;
  if (!ElementNamed(name, &element) || !IsQuantized(element)) {
    call.FailArgument("output_dtype", "\"int8\" or \"uint8\"", "\"" + name.substr(0, 40) + "\"");
  }
  const Scaling scaling = ReadScaling(call, type.shape, element);
  if (call.TypeOf(scaling.scale).element != type.element) {
    call.FailArgument("scale", std::string("of ") + NameOf(type.element), ToString(call.TypeOf(scaling.scale)));
  }
  ValueId value = call.Compute(OpKind::kRealDiv, {input, scaling.scale}, type);
  value = call.Compute(OpKind::kRound, {value}, type);
  if (scaling.zero_point) value = call.Compute(OpKind::kAdd, {value, *scaling.zero_point}, type);
  const ClipAttributes range = element == Element::kInt8 ? ClipAttributes{-128, 127} : ClipAttributes{0, 255};
  value = call.Compute(OpKind::kClip, {value}, type, range);
  call.Emit(OpKind::kCast, {value}, {element, type.shape});
}

}  // namespace

const OpEntry kQuantizationOps[] = {{"quantize", CheckQuantize},
                                    {"dequantize", CheckDequantize},
                                    {"constexpr_affine_dequantize", CheckConstexprAffineDequantize},
                                    {nullptr, nullptr}};

}  // namespace mayfly::mil
