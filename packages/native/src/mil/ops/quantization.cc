// Quantization: x ≈ scale · (q − zero point), with one scale, one for each index along an axis, or one for each block.
// These operations become casts of q and arithmetic in the scale's type, so that devices need no others. Lookup tables
// are resolved while the text is checked.
#include <cstring>

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
  std::optional<ValueId> zero_point;
  if (call.Has("zero_point")) zero_point = call.Unpacked("zero_point");
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
  const ValueId quantized = call.Unpacked(name);
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

// scale · (data − offset) for data in blocks: along each dimension as many as there are scales.
void CheckConstexprBlockwiseShiftScale(Call& call) {
  const ValueId data = call.Unpacked("data"), scale = call.Tensor("scale");
  std::optional<ValueId> offset;
  if (call.Has("offset")) offset = call.Unpacked("offset");
  call.ExpectFloat("scale", scale);
  const Type type = call.TypeOf(data), scales = call.TypeOf(scale);
  if (!IsQuantized(type.element) && !IsFloat(type.element))
    call.FailArgument("data", "a tensor of int4, uint4, int8, uint8, fp16 or fp32", ToString(type));
  bool divides = type.rank() > 0 && type.rank() == scales.rank();
  for (size_t i = 0; divides && i < type.shape.size(); ++i) divides = type.shape[i] % scales.shape[i] == 0;
  if (!divides) call.FailArgument("scale", "of sizes that divide those of " + ToString(type), ToString(scales));
  // A dimension of several blocks of several elements becomes two.
  Shape blocks, spread;
  for (size_t i = 0; i < type.shape.size(); ++i) {
    const int64_t groups = scales.shape[i], block = type.shape[i] / groups;
    if (groups > 1 || block == 1) {
      blocks.push_back(groups);
      spread.push_back(groups);
    }
    if (block > 1) {
      blocks.push_back(block);
      spread.push_back(1);
    }
  }
  if (blocks.size() > static_cast<size_t>(kMaxRank))
    call.FailUnsupported("to have blocks along fewer dimensions", ToString(scales));
  const Type result{scales.element, blocks};
  auto reshaped = [&](ValueId value, const Shape& shape) {
    return call.Compute(OpKind::kReshape, {value}, {call.TypeOf(value).element, shape});
  };
  auto as_float = [&](ValueId value) {
    const Type& own = call.TypeOf(value);
    return IsFloat(own.element) ? value : call.Compute(OpKind::kCast, {value}, {scales.element, own.shape});
  };
  ValueId value = as_float(reshaped(data, blocks));
  if (offset) {
    const Type given = call.TypeOf(*offset);
    if (given.shape != scales.shape || (given.element != type.element && !IsFloat(given.element)))
      call.FailArgument("offset", ToString(Type{type.element, scales.shape}), ToString(given));
    value = call.Compute(OpKind::kSub, {value, as_float(reshaped(*offset, spread))}, result);
  }
  value = call.Compute(OpKind::kMul, {value, reshaped(scale, spread)}, result);
  call.Emit(OpKind::kReshape, {value}, {scales.element, type.shape});
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

// The form of iOS 16: the indices of all elements, packed into bytes from the lowest bits on, and a table of 2ⁿ values.
void EmitFromTable(Call& call, ValueId indices, bool unpacked, ValueId table) {
  const Type type = call.TypeOf(table), given = call.TypeOf(indices);
  Type result{type.element, call.Ints("shape")};
  for (int64_t dimension : result.shape) {
    if (dimension < 1) call.FailArgument("shape", "sizes from 1 up", ToString(result.shape));
  }
  const int64_t values = type.elements(), elements = result.elements();
  int bits = 1;
  while (bits < 8 && (int64_t{1} << bits) < values) ++bits;
  if (values != int64_t{1} << bits) call.FailArgument("lut", "of 2 to 256 elements, a power of two", ToString(type));
  const int64_t stored = unpacked ? elements : SizeSum(SizeProduct(elements, bits), 7) / 8;
  if (given.element != Element::kUint8 || given.elements() != stored) {
    call.FailArgument("indices", std::to_string(stored) + " bytes, for " + ToString(result), ToString(given));
  }
  const uint8_t *packed = call.DataOf(indices), *entries = call.DataOf(table);
  const size_t size = SizeOf(AsDType(type.element)), step = unpacked ? 8 : static_cast<size_t>(bits);
  const auto count = static_cast<size_t>(elements), last = static_cast<size_t>(stored) - 1;
  std::vector<uint8_t> bytes(count * size);
  for (size_t i = 0; i < count; ++i) {
    const size_t at = i * step / 8;
    const unsigned two = packed[at] | (at < last ? unsigned{packed[at + 1]} << 8 : 0);
    const size_t index = two >> (i * step % 8) & ((1u << bits) - 1);
    std::memcpy(bytes.data() + i * size, entries + index * size, size);
  }
  call.EmitConstant(result, std::move(bytes));
}

// The form of iOS 18: indices of a type of n bits, and tables [groups…, 2ⁿ, vector]. Along each dimension as many
// groups of indices as there are tables have a table each. An index stands for a vector along vector_axis.
void EmitFromTables(Call& call, ValueId indices, int bits, ValueId tables) {
  const Type given = call.TypeOf(indices), type = call.TypeOf(tables);
  const size_t rank = given.shape.size();
  bool fits = rank > 0 && type.shape.size() == rank + 2 && type.shape[rank] == int64_t{1} << bits;
  for (size_t i = 0; fits && i < rank; ++i) fits = given.shape[i] % type.shape[i] == 0;
  if (given.element != Element::kUint8 || !fits) {
    call.FailArgument(
        "lut",
        "of sizes that divide those of the indices, then " + std::to_string(1 << bits) + " and the size of a vector",
        ToString(type) + " for " + ToString(given));
  }
  const int64_t vector = type.shape[rank + 1];
  const auto axis = static_cast<size_t>(
      call.Axis("vector_axis", given.rank(), vector == 1 ? std::optional<int64_t>(0) : std::nullopt));
  Type result{type.element, given.shape};
  result.shape[axis] = SizeProduct(result.shape[axis], vector);
  if (result.elements() > kMaxElements)
    call.Fail("to have a result of at most " + std::to_string(kMaxElements) + " elements", ToString(result));
  const uint8_t *index = call.DataOf(indices), *entries = call.DataOf(tables);
  const size_t size = SizeOf(AsDType(type.element));
  std::vector<uint8_t> bytes(static_cast<size_t>(result.elements()) * size);
  Shape at(rank, 0);
  for (size_t i = 0; i < bytes.size(); i += size) {
    int64_t table = 0, place = 0;
    for (size_t d = 0; d < rank; ++d) {
      const int64_t position = d == axis ? at[d] / vector : at[d];
      table = table * type.shape[d] + position / (given.shape[d] / type.shape[d]);
      place = place * given.shape[d] + position;
    }
    const int64_t entry = ((table << bits) + index[place]) * vector + at[axis] % vector;
    std::memcpy(bytes.data() + i, entries + static_cast<size_t>(entry) * size, size);
    for (size_t d = rank; d-- > 0;) {
      if (++at[d] < result.shape[d]) break;
      at[d] = 0;
    }
  }
  call.EmitConstant(result, std::move(bytes));
}

void CheckConstexprLutToDense(Call& call) {
  call.ExpectConstant("indices");
  call.ExpectConstant("lut");
  const int bits = call.PackedBits("indices");
  const ValueId indices = call.Unpacked("indices"), table = call.Tensor("lut");
  const Element element = call.TypeOf(table).element;
  if (!IsFloat(element) && !IsQuantized(element))
    call.FailArgument("lut", "a tensor of int8, uint8, fp16 or fp32", ToString(call.TypeOf(table)));
  if (call.Has("shape")) return EmitFromTable(call, indices, bits < 8, table);
  EmitFromTables(call, indices, bits, table);
}

}  // namespace

const OpEntry kQuantizationOps[] = {{"quantize", CheckQuantize},
                                    {"dequantize", CheckDequantize},
                                    {"constexpr_affine_dequantize", CheckConstexprAffineDequantize},
                                    {"constexpr_blockwise_shift_scale", CheckConstexprBlockwiseShiftScale},
                                    {"constexpr_lut_to_dense", CheckConstexprLutToDense},
                                    {nullptr, nullptr}};

}  // namespace mayfly::mil
