#include "cpu/plan.h"

#include <algorithm>

#include "cpu/copy_node.h"
#include "cpu/elementwise_node.h"
#include "cpu/floored_product_node.h"
#include "cpu/gather_node.h"
#include "cpu/im2col_node.h"
#include "cpu/matmul_node.h"
#include "cpu/placement.h"
#include "cpu/reduce_node.h"
#include "cpu/softmax_node.h"
#include "cpu/triangle.h"

namespace mayfly::cpu {
namespace {

using mil::OpKind;
using mil::ValueId;

class Planner {
 public:
  Planner(const mil::TypedProgram& program, Engine* engine)
      : program_(program),
        engine_(engine),
        steps_(CutIntoSteps(program)),
        placement_(PlaceValues(program, steps_, &plan_.buffers)) {
    views_.resize(program.values.size());
    for (size_t i = 0; i < program.parameters.size(); ++i) {
      ViewOf(program.parameters[i]) = DenseView(placement_.inputs[i], TypeOf(program.parameters[i]));
    }
  }

  Plan Make() {
    for (const Step& step : steps_) PlanStep(step);
    for (size_t i = 0; i < program_.returns.size(); ++i) {
      Move(Read(program_.returns[i]), DenseView(placement_.outputs[i], TypeOf(program_.returns[i])));
    }
    plan_.buffers.Finish(plan_.nodes, &engine_->scratch);
    return std::move(plan_);
  }

 private:
  const mil::Type& TypeOf(ValueId value) const { return program_.values[static_cast<size_t>(value)].type; }
  Triangle TriangleOf(ValueId value) const { return triangles_[static_cast<size_t>(value)]; }
  std::optional<View>& ViewOf(ValueId value) { return views_[static_cast<size_t>(value)]; }

  const View& Read(ValueId value) {
    std::optional<View>& view = ViewOf(value);
    if (!view) {
      const mil::Type& type = TypeOf(value);
      const uint8_t* data = program_.values[static_cast<size_t>(value)].constant->data;
      view = DenseView(plan_.buffers.AddConstant(data, BytesOf(type)), type);
    }
    return *view;
  }

  View Fresh(const mil::Type& type) {
    return DenseView(
        constant_ ? plan_.buffers.AddConstant(nullptr, BytesOf(type)) : plan_.buffers.AddScratch(BytesOf(type)), type);
  }

  // The view that a step writes its result to: the place that was chosen for it, or a dense buffer of its own.
  const View& Write(ValueId value) {
    const std::optional<View>& place = placement_.places[static_cast<size_t>(value)];
    ViewOf(value) = place ? *place : Fresh(TypeOf(value));
    return *ViewOf(value);
  }

  template <class N, class... Arguments>
  void Add(Arguments&&... arguments) {
    auto node = std::make_unique<N>(std::forward<Arguments>(arguments)...);
    if (constant_) {
      node->Run(plan_.buffers.Constants(), &engine_->pool);
    } else {
      plan_.nodes.push_back(std::move(node));
    }
  }

  void Move(const View& from, const View& to) {
    if (!SamePlace(from, to)) Add<CopyNode>(from, to);
  }

  void PlanStep(const Step& step) {
    constant_ = step.constant;
    const mil::Operation& operation = program_.operations[static_cast<size_t>(step.operations.back())];
    switch (operation.kind) {
      case OpKind::kIdentity: ViewOf(operation.result) = Read(operation.inputs[0]); break;
      case OpKind::kReshape: PlanReshape(operation); break;
      case OpKind::kTranspose:
        ViewOf(operation.result) =
            Transposed(Read(operation.inputs[0]), std::get<mil::TransposeAttributes>(operation.attributes).permutation);
        break;
      case OpKind::kSlice:
        ViewOf(operation.result) =
            Sliced(Read(operation.inputs[0]), std::get<mil::SliceAttributes>(operation.attributes),
                   TypeOf(operation.result).shape);
        break;
      case OpKind::kConcat: PlanConcat(operation); break;
      case OpKind::kTile: PlanTile(operation); break;
      case OpKind::kGather: PlanGather(operation); break;
      case OpKind::kWindows: PlanWindows(operation); break;
      case OpKind::kMatmul: PlanMatmul(operation); break;
      case OpKind::kConv: PlanConv(operation); break;
      case OpKind::kSoftmax:
      case OpKind::kReduceSum:
      case OpKind::kReduceMean:
      case OpKind::kReduceMax:
      case OpKind::kReduceMin: PlanReduction(step, operation); break;
      default: PlanElementwise(step);
    }
    constant_ = false;
  }

  void PlanReshape(const mil::Operation& operation) {
    const View& x = Read(operation.inputs[0]);
    if (std::optional<View> view = Reshaped(x, TypeOf(operation.result).shape)) {
      ViewOf(operation.result) = *view;
      return;
    }
    // Copies x to a dense buffer and views that under the new shape: both have the elements in the same order.
    View copy = Fresh(TypeOf(operation.inputs[0]));
    Add<CopyNode>(x, copy);
    ViewOf(operation.result) = Reshaped(copy, TypeOf(operation.result).shape);
  }

  // The operations of a chain, without a reduction at its end.
  Chain MakeChain(const std::vector<int>& operations, const std::vector<ValueId>& results) {
    Chain chain{&program_, operations, {}, results};
    std::vector<ValueId> seen;
    auto add_input = [&](ValueId value) {
      if (std::find(seen.begin(), seen.end(), value) != seen.end()) return;
      seen.push_back(value);
      chain.inputs.emplace_back(value, Read(value));
    };
    std::vector<ValueId> computed;
    for (int i : operations) computed.push_back(program_.operations[static_cast<size_t>(i)].result);
    for (int i : operations) {
      for (ValueId input : program_.operations[static_cast<size_t>(i)].inputs) {
        if (std::find(computed.begin(), computed.end(), input) == computed.end()) add_input(input);
      }
    }
    if (operations.empty()) add_input(results[0]);
    return chain;
  }

  void PlanElementwise(const Step& step) {
    const Chain chain = MakeChain(step.operations, step.results);
    std::vector<View> outputs;
    for (ValueId result : step.results) outputs.push_back(Write(result));
    AdoptOrder(chain, step, &outputs);
    Add<ElementwiseNode>(chain, outputs);
  }

  // Results that may lie anywhere get the order of dimensions of another result, or of the first input of their shape,
  // so that loops walk through memory in order.
  void AdoptOrder(const Chain& chain, const Step& step, std::vector<View>* outputs) {
    const Shape& shape = outputs->front().shape;
    Shape like;
    for (size_t i = 0; i < outputs->size(); ++i) {
      if (placement_.places[static_cast<size_t>(step.results[i])]) like = (*outputs)[i].strides;
    }
    for (const auto& input : chain.inputs) {
      if (like.empty() && input.second.shape == shape &&
          plan_.buffers.KindOf(input.second.buffer) != BufferKind::kConstant) {
        like = input.second.strides;
      }
    }
    if (like.empty()) return;
    for (size_t i = 0; i < outputs->size(); ++i) {
      if (placement_.places[static_cast<size_t>(step.results[i])]) continue;
      (*outputs)[i].strides = DenseStridesLike(shape, like);
      ViewOf(step.results[i]) = (*outputs)[i];
    }
  }

  void PlanReduction(const Step& step, const mil::Operation& operation) {
    const std::vector<int> operations(step.operations.begin(), step.operations.end() - 1);
    const Chain chain = MakeChain(operations, {operation.inputs[0]});
    const View& result = Write(operation.result);
    if (operation.kind == OpKind::kSoftmax) {
      Add<SoftmaxNode>(chain, std::get<mil::SoftmaxAttributes>(operation.attributes).axis, result,
                       TriangleOf(operation.result) == Triangle::kZero);
    } else {
      Add<ReduceNode>(chain, TypeOf(operation.inputs[0]).shape, operation.kind,
                      std::get<mil::ReduceAttributes>(operation.attributes).reduced, result);
    }
  }

  void PlanConcat(const mil::Operation& operation) {
    const View whole = Write(operation.result);
    const auto& attributes = std::get<mil::ConcatAttributes>(operation.attributes);
    int64_t begin = 0;
    for (size_t i = 0; i < operation.inputs.size(); ++i) {
      const View part = Read(operation.inputs[i]);
      Move(part, ConcatSlot(whole, attributes, operation.inputs.size(), i, begin, part.shape));
      begin += part.shape[static_cast<size_t>(attributes.axis)];
    }
  }

  // Each dimension becomes two, (repetition, index); the source has stride 0 along the first.
  void PlanTile(const mil::Operation& operation) {
    const View x = Read(operation.inputs[0]), result = Write(operation.result);
    const Shape& repetitions = std::get<mil::TileAttributes>(operation.attributes).repetitions;
    View from = x, to = result;
    for (View* view : {&from, &to}) {
      view->shape.clear();
      view->strides.clear();
    }
    for (size_t i = 0; i < x.rank(); ++i) {
      for (View* view : {&from, &to}) view->shape.insert(view->shape.end(), {repetitions[i], x.shape[i]});
      from.strides.insert(from.strides.end(), {0, x.strides[i]});
      to.strides.insert(to.strides.end(), {result.strides[i] * x.shape[i], result.strides[i]});
    }
    Add<CopyNode>(from, to);
  }

  void PlanGather(const mil::Operation& operation) {
    const View x = Read(operation.inputs[0]), indices = Read(operation.inputs[1]);
    const auto& gather = std::get<mil::GatherAttributes>(operation.attributes);
    Add<GatherNode>(x, indices, gather.axis, gather.negative_wraps, operation.label, Write(operation.result));
  }

  void PlanWindows(const mil::Operation& operation) {
    const View x = Read(operation.inputs[0]), windows = Fresh(TypeOf(operation.result));
    ViewOf(operation.result) = windows;
    Add<Im2colNode>(x, windows, std::get<mil::WindowsAttributes>(operation.attributes));
  }

  void PlanMatmul(const mil::Operation& operation) {
    View x = Read(operation.inputs[0]), y = Read(operation.inputs[1]);
    const auto& attributes = std::get<mil::MatmulAttributes>(operation.attributes);
    if (attributes.transpose_x) x = MatrixTransposed(x);
    if (attributes.transpose_y) y = MatrixTransposed(y);
    const View result = Write(operation.result);
    const bool biased = operation.inputs.size() > 2;
    if (biased) Add<CopyNode>(BroadcastTo(Read(operation.inputs[2]), result.shape), result);
    Multiply(x, y, result, biased, biased ? Skip::kNothing : SkipOf(operation));
  }

  void Multiply(const View& a, const View& b, const View& c, bool accumulate, Skip skip = Skip::kNothing) {
    if (engine_->product_floor > 0) {
      Add<FlooredProductNode>(a, b, c, accumulate, engine_->product_floor);
    } else {
      Add<MatmulNode>(a, b, c, accumulate, engine_->precision, skip);
    }
  }

  // The part of a product that causal attention makes superfluous. Only second operands are triangular.
  Skip SkipOf(const mil::Operation& matmul) const {
    const bool transposed = std::get<mil::MatmulAttributes>(matmul.attributes).transpose_y;
    if (TriangleOf(matmul.inputs[1]) == Triangle::kZero) return transposed ? Skip::kBelowB : Skip::kAboveB;
    return TriangleOf(matmul.result) == Triangle::kUnread ? Skip::kAboveC : Skip::kNothing;
  }

  // For each image and group: weights [channels out, channels in · taps] times windows [channels in · taps, positions].
  void PlanConv(const mil::Operation& operation) {
    const View x = Read(operation.inputs[0]);
    const View weight = Collapsible(Read(operation.inputs[1]));
    const auto& conv = std::get<mil::ConvAttributes>(operation.attributes);
    const View result = Write(operation.result);
    const int64_t groups = conv.groups, positions = ConvResultAsProduct(result, groups)->shape[3];
    const int64_t depth = SizeProduct(weight.shape[1], Taps(weight));
    const View kernel = *Reshaped(weight, {groups, weight.shape[0] / groups, depth});
    std::optional<View> windows = Pointwise(x, weight, conv, result, groups, positions);
    if (!windows) {
      mil::Type type{TypeOf(operation.inputs[0]).element, {x.shape[0], x.shape[1]}};
      type.shape.insert(type.shape.end(), weight.shape.begin() + 2, weight.shape.end());
      type.shape.insert(type.shape.end(), result.shape.begin() + 2, result.shape.end());
      const View columns = Fresh(type);
      Add<Im2colNode>(x, columns, mil::WindowsAttributes{conv.strides, conv.dilations, conv.pads, 0.0f});
      windows = Reshaped(columns, {x.shape[0], groups, depth, positions});
    }
    if (operation.inputs.size() > 2) {
      View bias = Read(operation.inputs[2]);
      bias = BroadcastTo(*Reshaped(bias, Channels(bias.shape[0], result.rank())), result.shape);
      Add<CopyNode>(bias, result);
    }
    Multiply(kernel, *windows, *ConvResultAsProduct(result, groups), operation.inputs.size() > 2);
  }

  static int64_t Taps(const View& weight) { return ElementsOf(Shape(weight.shape.begin() + 2, weight.shape.end())); }

  static Shape Channels(int64_t count, size_t rank) {
    Shape shape(rank, 1);
    shape[1] = count;
    return shape;
  }

  // The weights as one matrix for each group, copied if their strides do not allow that.
  View Collapsible(const View& weight) {
    if (Reshaped(weight, {weight.shape[0], SizeProduct(weight.shape[1], Taps(weight))})) return weight;
    View dense = weight;
    dense.buffer =
        plan_.buffers.AddScratch(SizeProduct(ElementsOf(weight.shape), static_cast<int64_t>(SizeOf(weight.dtype))));
    dense.offset = 0;
    dense.strides = DenseStrides(weight.shape);
    Add<CopyNode>(weight, dense);
    return dense;
  }

  // If each window is one element of the input: the input as [batch, groups, channels, positions].
  static std::optional<View> Pointwise(const View& x, const View& weight, const mil::ConvAttributes& conv,
                                       const View& result, int64_t groups, int64_t positions) {
    const bool padded = std::any_of(conv.pads.begin(), conv.pads.end(), [](int64_t pad) { return pad != 0; });
    if (Taps(weight) != 1 || padded) return std::nullopt;
    View picked = x;
    for (size_t i = 2; i < x.rank(); ++i) picked = Part(picked, i, 0, result.shape[i], conv.strides[i - 2]);
    return Reshaped(picked, {x.shape[0], groups, x.shape[1] / groups, positions});
  }

  const mil::TypedProgram& program_;
  Engine* engine_;
  Plan plan_;
  std::vector<Step> steps_;
  std::vector<Triangle> triangles_ = FindTriangles(program_);
  Placement placement_;
  std::vector<std::optional<View>> views_;
  // Whether the current step depends on constants only.
  bool constant_ = false;
};

}  // namespace

Plan MakePlan(const mil::TypedProgram& program, Engine* engine) { return Planner(program, engine).Make(); }

}  // namespace mayfly::cpu
