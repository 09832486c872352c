// Arithmetic, comparison, activation, cast: one result element per element of the broadcast operands.
#include "mil/op_table.h"
#include "mil/ops/broadcast.h"
#include "number_text.h"

namespace mayfly::mil {
namespace {

void CheckOperands(Call& call, ValueId x, ValueId y) {
  if (call.TypeOf(x).element != call.TypeOf(y).element) {
    call.Fail("to have operands of one element type",
              std::string(NameOf(call.TypeOf(x).element)) + " and " + NameOf(call.TypeOf(y).element));
  }
}

bool IsInt32OrFloat(Element element) { return IsFloat(element) || element == Element::kInt32; }

template <OpKind kind>
void CheckArithmetic(Call& call) {
  const ValueId x = call.Tensor("x"), y = call.Tensor("y");
  CheckOperands(call, x, y);
  const Element element = call.TypeOf(x).element;
  const bool integers = kind != OpKind::kRealDiv && kind != OpKind::kPow;
  if (!IsFloat(element) && !(integers && element == Element::kInt32)) {
    call.FailArgument("x", integers ? "a tensor of fp16, fp32 or int32" : "a tensor of fp16 or fp32",
                      ToString(call.TypeOf(x)));
  }
  call.Emit(kind, {x, y}, {element, Broadcast(call, call.ShapeOf(x), call.ShapeOf(y))});
}

template <OpKind kind>
void CheckComparison(Call& call) {
  const ValueId x = call.Tensor("x"), y = call.Tensor("y");
  CheckOperands(call, x, y);
  const bool equality = kind == OpKind::kEqual || kind == OpKind::kNotEqual;
  const Element element = call.TypeOf(x).element;
  if (!IsInt32OrFloat(element) && !(equality && element == Element::kBool)) {
    call.FailArgument("x", "a tensor of fp16, fp32 or int32", ToString(call.TypeOf(x)));
  }
  call.Emit(kind, {x, y}, {Element::kBool, Broadcast(call, call.ShapeOf(x), call.ShapeOf(y))});
}

template <OpKind kind>
void CheckUnary(Call& call) {
  const ValueId x = call.Tensor("x");
  const bool integers = kind == OpKind::kAbs || kind == OpKind::kSquare || kind == OpKind::kRelu;
  if (!integers || call.TypeOf(x).element != Element::kInt32) call.ExpectFloat("x", x);
  call.Emit(kind, {x}, call.TypeOf(x));
}

// 1/√(x + ε) and log(x + ε). In fp16 the default of ε rounds to 0.
template <OpKind kind>
void CheckWithEpsilon(Call& call) {
  const ValueId x = call.Tensor("x");
  call.ExpectFloat("x", x);
  const bool half = call.TypeOf(x).element == Element::kFp16;
  const double fallback = half ? 0.0 : kind == OpKind::kRsqrt ? 1e-12 : 1e-45;
  call.Emit(kind, {x}, call.TypeOf(x), EpsilonAttributes{static_cast<float>(call.Number("epsilon", fallback))});
}

void CheckClip(Call& call) {
  const ValueId x = call.Tensor("x");
  call.ExpectFloat("x", x);
  const double low = call.Number("alpha"), high = call.Number("beta");
  if (!(low <= high)) call.FailArgument("beta", "at least alpha, " + NumberText(low, 9), NumberText(high, 9));
  call.Emit(OpKind::kClip, {x}, call.TypeOf(x), ClipAttributes{static_cast<float>(low), static_cast<float>(high)});
}

void CheckSelect(Call& call) {
  const ValueId cond = call.Tensor("cond"), a = call.Tensor("a"), b = call.Tensor("b");
  if (call.TypeOf(cond).element != Element::kBool)
    call.FailArgument("cond", "a tensor of bool", ToString(call.TypeOf(cond)));
  CheckOperands(call, a, b);
  const Shape branches = Broadcast(call, call.ShapeOf(a), call.ShapeOf(b));
  call.Emit(OpKind::kSelect, {cond, a, b}, {call.TypeOf(a).element, Broadcast(call, call.ShapeOf(cond), branches)});
}

// x·Φ(x), and its approximations by tanh and by a sigmoid. ½·(1 + tanh u) is the sigmoid of 2u, without cancellation.
void CheckGelu(Call& call) {
  const ValueId x = call.Tensor("x");
  call.ExpectFloat("x", x);
  const Type type = call.TypeOf(x), wide{Element::kFp32, type.shape};
  const std::string mode = call.Text("mode", "EXACT");
  auto scalar = [&](double value) { return call.Scalar(Element::kFp32, value); };
  auto compute = [&](OpKind kind, std::vector<ValueId> inputs) { return call.Compute(kind, std::move(inputs), wide); };
  ValueId share;
  if (mode == "EXACT") {
    const ValueId erf = compute(OpKind::kErf, {compute(OpKind::kMul, {x, scalar(0.70710678118654752)})});
    share = compute(OpKind::kMul, {compute(OpKind::kAdd, {erf, scalar(1)}), scalar(0.5)});
  } else if (mode == "TANH_APPROXIMATION") {
    // 2·√(2/π)·(x + 0.044715·x³)
    const ValueId cubic = compute(OpKind::kMul, {compute(OpKind::kSquare, {x}), scalar(0.044715 * 1.5957691216057308)});
    const ValueId factor = compute(OpKind::kAdd, {cubic, scalar(1.5957691216057308)});
    share = compute(OpKind::kSigmoid, {compute(OpKind::kMul, {factor, x})});
  } else if (mode == "SIGMOID_APPROXIMATION") {
    share = compute(OpKind::kSigmoid, {compute(OpKind::kMul, {x, scalar(1.702)})});
  } else {
    call.FailArgument("mode", "\"EXACT\", \"TANH_APPROXIMATION\" or \"SIGMOID_APPROXIMATION\"",
                      "\"" + mode.substr(0, 40) + "\"");
  }
  call.Emit(OpKind::kMul, {x, share}, type);
}

void CheckCast(Call& call) {
  const ValueId x = call.Tensor("x");
  const std::string name = call.Text("dtype");
  Element element;
  if (!ElementNamed(name, &element) || !IsTensorElement(element)) {
    call.FailArgument("dtype", "an element type of tensors", "\"" + name.substr(0, 40) + "\"");
  }
  const OpKind kind = element == call.TypeOf(x).element ? OpKind::kIdentity : OpKind::kCast;
  call.Emit(kind, {x}, {element, call.ShapeOf(x)});
}

}  // namespace

const OpEntry kElementwiseOps[] = {
    {"add", CheckArithmetic<OpKind::kAdd>},
    {"sub", CheckArithmetic<OpKind::kSub>},
    {"mul", CheckArithmetic<OpKind::kMul>},
    {"real_div", CheckArithmetic<OpKind::kRealDiv>},
    {"pow", CheckArithmetic<OpKind::kPow>},
    {"maximum", CheckArithmetic<OpKind::kMaximum>},
    {"minimum", CheckArithmetic<OpKind::kMinimum>},
    {"equal", CheckComparison<OpKind::kEqual>},
    {"not_equal", CheckComparison<OpKind::kNotEqual>},
    {"less", CheckComparison<OpKind::kLess>},
    {"less_equal", CheckComparison<OpKind::kLessEqual>},
    {"greater", CheckComparison<OpKind::kGreater>},
    {"greater_equal", CheckComparison<OpKind::kGreaterEqual>},
    {"sqrt", CheckUnary<OpKind::kSqrt>},
    {"rsqrt", CheckWithEpsilon<OpKind::kRsqrt>},
    {"exp", CheckUnary<OpKind::kExp>},
    {"log", CheckWithEpsilon<OpKind::kLog>},
    {"sigmoid", CheckUnary<OpKind::kSigmoid>},
    {"silu", CheckUnary<OpKind::kSilu>},
    {"tanh", CheckUnary<OpKind::kTanh>},
    {"erf", CheckUnary<OpKind::kErf>},
    {"gelu", CheckGelu},
    {"relu", CheckUnary<OpKind::kRelu>},
    {"abs", CheckUnary<OpKind::kAbs>},
    {"round", CheckUnary<OpKind::kRound>},
    {"square", CheckUnary<OpKind::kSquare>},
    {"clip", CheckClip},
    {"select", CheckSelect},
    {"cast", CheckCast},
    {nullptr, nullptr},
};

}  // namespace mayfly::mil
