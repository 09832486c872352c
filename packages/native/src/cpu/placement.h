// Where values that steps compute shall lie, decided from the last step back: the program's results in its outputs, the
// parts of a concat in the concat, and whatever a reshape or transpose leads to them so that it is only a view.
#pragma once

#include <optional>
#include <vector>

#include "cpu/buffer_table.h"
#include "cpu/step.h"

namespace mayfly::cpu {

struct Placement {
  // Per value: its place, where one was chosen; else the step that computes it is free.
  std::vector<std::optional<View>> places;
  std::vector<int> inputs;   // buffers of the program's parameters
  std::vector<int> outputs;  // buffers of its results
};

Placement PlaceValues(const mil::TypedProgram& program, const std::vector<Step>& steps, BufferTable* buffers);

// A dense tensor at the start of a buffer.
View DenseView(int buffer, const mil::Type& type);
int64_t BytesOf(const mil::Type& type);
// The part of a concat's result that one of its values, of `part`'s shape, makes up. `begin` is what the values before
// it fill of the axis, `index` its number.
View ConcatSlot(const View& whole, const mil::ConcatAttributes& concat, size_t values, size_t index, int64_t begin,
                const Shape& part);

// A convolution's result as the matrix product that computes it: [batch, groups, channels per group, positions]. None
// where strides cannot say it.
std::optional<View> ConvResultAsProduct(const View& result, int64_t groups);

}  // namespace mayfly::cpu
