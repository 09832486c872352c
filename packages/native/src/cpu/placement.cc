#include "cpu/placement.h"

#include "cpu/matmul_node.h"

namespace mayfly::cpu {
namespace {

using mil::OpKind;
using mil::ValueId;

class Placer {
 public:
  Placer(const mil::TypedProgram& program, const std::vector<Step>& steps, BufferTable* buffers)
      : program_(program), steps_(steps), buffers_(buffers), step_of_(program.values.size(), -1) {
    placement_.places.resize(program.values.size());
    for (size_t i = 0; i < steps.size(); ++i) {
      for (ValueId result : steps[i].results) step_of_[static_cast<size_t>(result)] = static_cast<int>(i);
    }
  }

  Placement Place() {
    for (size_t i = 0; i < program_.parameters.size(); ++i)
      placement_.inputs.push_back(buffers_->AddInput(static_cast<int>(i)));
    for (size_t i = 0; i < program_.returns.size(); ++i) {
      const ValueId value = program_.returns[i];
      placement_.outputs.push_back(buffers_->AddOutput(static_cast<int>(i)));
      TryPlace(value, DenseView(placement_.outputs[i], TypeOf(value)));
    }
    for (size_t i = steps_.size(); i-- > 0;) {
      if (steps_[i].constant) continue;
      const mil::Operation& operation = OperationOf(steps_[i]);
      if (operation.kind == OpKind::kConcat) PlaceParts(operation);
      if (operation.kind == OpKind::kReshape) PlaceReshaped(operation);
    }
    return std::move(placement_);
  }

 private:
  const mil::Operation& OperationOf(const Step& step) const {
    return program_.operations[static_cast<size_t>(step.operations.back())];
  }
  const mil::Type& TypeOf(ValueId value) const { return program_.values[static_cast<size_t>(value)].type; }
  std::optional<View>& PlaceOf(ValueId value) { return placement_.places[static_cast<size_t>(value)]; }

  // Makes `value` lie at `view`: walks back through reshapes and transposes to the step that computes it, and sets the
  // place of that step.
  bool TryPlace(ValueId value, View view) {
    for (;;) {
      const int index = step_of_[static_cast<size_t>(value)];
      if (index < 0 || steps_[static_cast<size_t>(index)].constant || PlaceOf(value)) return false;
      const mil::Operation& operation = OperationOf(steps_[static_cast<size_t>(index)]);
      switch (operation.kind) {
        case OpKind::kSlice: return false;
        case OpKind::kIdentity: break;
        case OpKind::kTranspose:
          view = Untransposed(view, std::get<mil::TransposeAttributes>(operation.attributes).permutation);
          break;
        case OpKind::kReshape: {
          const std::optional<View> before = Reshaped(view, TypeOf(operation.inputs[0]).shape);
          if (!before) return false;
          view = *before;
          break;
        }
        case OpKind::kMatmul:
          if (!MatmulNode::CanWrite(view)) return false;
          PlaceOf(value) = view;
          return true;
        case OpKind::kConv: {
          const std::optional<View> product =
              ConvResultAsProduct(view, std::get<mil::ConvAttributes>(operation.attributes).groups);
          if (!product || !MatmulNode::CanWrite(*product)) return false;
          PlaceOf(value) = view;
          return true;
        }
        default: PlaceOf(value) = view; return true;
      }
      value = operation.inputs[0];
    }
  }

  void PlaceParts(const mil::Operation& concat) {
    if (!PlaceOf(concat.result)) {
      const mil::Type& type = TypeOf(concat.result);
      PlaceOf(concat.result) = DenseView(buffers_->AddScratch(BytesOf(type)), type);
    }
    const auto& attributes = std::get<mil::ConcatAttributes>(concat.attributes);
    int64_t begin = 0;
    for (size_t i = 0; i < concat.inputs.size(); ++i) {
      const Shape& part = TypeOf(concat.inputs[i]).shape;
      TryPlace(concat.inputs[i], ConcatSlot(*PlaceOf(concat.result), attributes, concat.inputs.size(), i, begin, part));
      begin += part[static_cast<size_t>(attributes.axis)];
    }
  }

  // A reshape of a transposed value needs it dense: computing it dense saves a copy.
  void PlaceReshaped(const mil::Operation& reshape) {
    const ValueId input = reshape.inputs[0];
    const int index = step_of_[static_cast<size_t>(input)];
    if (index < 0 || OperationOf(steps_[static_cast<size_t>(index)]).kind != OpKind::kTranspose) return;
    const mil::Operation& transpose = OperationOf(steps_[static_cast<size_t>(index)]);
    const View computed = DenseView(-1, TypeOf(transpose.inputs[0]));
    const View transposed = Transposed(computed, std::get<mil::TransposeAttributes>(transpose.attributes).permutation);
    if (Reshaped(transposed, TypeOf(reshape.result).shape)) return;
    const int buffer = buffers_->AddScratch(BytesOf(TypeOf(input)));
    TryPlace(input, DenseView(buffer, TypeOf(input)));
  }

  const mil::TypedProgram& program_;
  const std::vector<Step>& steps_;
  BufferTable* buffers_;
  std::vector<int> step_of_;
  Placement placement_;
};

}  // namespace

Placement PlaceValues(const mil::TypedProgram& program, const std::vector<Step>& steps, BufferTable* buffers) {
  return Placer(program, steps, buffers).Place();
}

View DenseView(int buffer, const mil::Type& type) {
  return {buffer, 0, mil::AsDType(type.element), type.shape, DenseStrides(type.shape)};
}

int64_t BytesOf(const mil::Type& type) {
  return SizeProduct(type.elements(), static_cast<int64_t>(SizeOf(mil::AsDType(type.element))));
}

View ConcatSlot(const View& whole, const mil::ConcatAttributes& concat, size_t values, size_t index, int64_t begin,
                const Shape& part) {
  const auto axis = static_cast<size_t>(concat.axis);
  return concat.interleave ? Part(whole, axis, static_cast<int64_t>(index), part[axis], static_cast<int64_t>(values))
                           : Part(whole, axis, begin, part[axis], 1);
}

std::optional<View> ConvResultAsProduct(const View& result, int64_t groups) {
  const int64_t positions = ElementsOf(Shape(result.shape.begin() + 2, result.shape.end()));
  return Reshaped(result, {result.shape[0], groups, result.shape[1] / groups, positions});
}

}  // namespace mayfly::cpu
