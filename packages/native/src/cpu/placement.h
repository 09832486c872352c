// Decides, from the last step back to the first, where each step writes: results of the program into its outputs, parts
// of a concat into the concat, and operands of reshapes and transposes so that these become views.
#pragma once

#include <optional>
#include <vector>

#include "cpu/buffer_table.h"
#include "cpu/step.h"

namespace mayfly::cpu {

struct Placement {
  // places[v]: the view that the step computing v must write to; empty if it may write anywhere.
  std::vector<std::optional<View>> places;
  std::vector<int> inputs;   // buffers of the program's parameters
  std::vector<int> outputs;  // buffers of its results
};

Placement PlaceValues(const mil::TypedProgram& program, const std::vector<Step>& steps, BufferTable* buffers);

// A dense tensor at the start of a buffer.
View DenseView(int buffer, const mil::Type& type);
int64_t BytesOf(const mil::Type& type);
// The view of one value within a concat's result: `part` is its shape, `begin` the extent along the axis of the values
// before it, and `index` its number.
View ConcatSlot(const View& whole, const mil::ConcatAttributes& concat, size_t values, size_t index, int64_t begin,
                const Shape& part);

// A convolution's result in the form of the matrix product that computes it: [batch, groups, channels per group,
// positions]. None if strides cannot express that.
std::optional<View> ConvResultAsProduct(const View& result, int64_t groups);

}  // namespace mayfly::cpu
