#include "sim/refusals.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "error.h"

namespace mayfly::sim {
namespace {

using mil::Operation;
using mil::OpKind;
using mil::TypedProgram;
using mil::Value;
using mil::ValueId;

bool IsProduct(const Operation& operation) {
  return operation.kind == OpKind::kMatmul || operation.kind == OpKind::kConv;
}

bool IsReduction(const Operation& operation) {
  return operation.kind == OpKind::kReduceSum || operation.kind == OpKind::kReduceMean;
}

// The name in MIL: labels are "conv `y`".
std::string_view NameOf(const Operation& operation) {
  return std::string_view(operation.label).substr(0, operation.label.find(' '));
}

// A program's values and the operations around them.
class Flow {
 public:
  explicit Flow(const TypedProgram& program) : program_(program), origins_(program.values.size()) {
    for (size_t id = 0; id < origins_.size(); ++id) origins_[id] = static_cast<ValueId>(id);
    for (const Operation& operation : program.operations) {
      const bool moves = operation.kind == OpKind::kIdentity || operation.kind == OpKind::kReshape ||
                         operation.kind == OpKind::kTranspose;
      if (moves) origins_[static_cast<size_t>(operation.result)] = OriginOf(operation.inputs[0]);
    }
  }

  // The value before it was reshaped or transposed.
  ValueId OriginOf(ValueId id) const { return origins_[static_cast<size_t>(id)]; }

  bool IsConstant(ValueId id) const { return ValueOf(id).constant != nullptr; }

  const Value& ValueOf(ValueId id) const { return program_.values[static_cast<size_t>(id)]; }

  // Computed values that several products read, with those products.
  std::map<ValueId, std::vector<const Operation*>> SharedOperands() const {
    std::map<ValueId, std::vector<const Operation*>> readers;
    for (const Operation& operation : program_.operations) {
      if (!IsProduct(operation)) continue;
      for (const ValueId input : operation.inputs) {
        if (IsConstant(OriginOf(input))) continue;
        std::vector<const Operation*>& products = readers[OriginOf(input)];
        if (products.empty() || products.back() != &operation) products.push_back(&operation);
      }
    }
    for (auto each = readers.begin(); each != readers.end();) {
      each = each->second.size() < 2 ? readers.erase(each) : std::next(each);
    }
    return readers;
  }

  // Whether `to` is computed from the result of `from`.
  bool Leads(const Operation& from, const Operation& to) const {
    std::vector<bool> reached(program_.values.size());
    reached[static_cast<size_t>(from.result)] = true;
    for (const Operation& operation : program_.operations) {
      const bool reads = std::any_of(operation.inputs.begin(), operation.inputs.end(),
                                     [&](ValueId input) { return reached[static_cast<size_t>(input)]; });
      if (!reads) continue;
      if (&operation == &to) return true;
      reached[static_cast<size_t>(operation.result)] = true;
    }
    return false;
  }

  const Operation* Find(bool (*is)(const Operation&)) const {
    const auto found = std::find_if(program_.operations.begin(), program_.operations.end(), is);
    return found == program_.operations.end() ? nullptr : &*found;
  }

  const TypedProgram& program() const { return program_; }

 private:
  const TypedProgram& program_;
  std::vector<ValueId> origins_;
};

std::string Quoted(const std::string& name) { return "`" + name + "`"; }

// An operand of a product whose result reads it in another product, too: query, key and probabilities of an attention
// whose backward pass computes the softmax again.
std::string CyclePath(const Flow& flow, int64_t) {
  for (const auto& [value, products] : flow.SharedOperands()) {
    for (const Operation* from : products) {
      for (const Operation* to : products) {
        if (from == to || !flow.Leads(*from, *to)) continue;
        return "Graph has a cycle path: " + Quoted(flow.ValueOf(value).name) + " feeds " + from->label + " and " +
               to->label;
      }
    }
  }
  return "";
}

std::string SharedOperand(const Flow& flow, int64_t) {
  for (const auto& [value, products] : flow.SharedOperands()) {
    return Quoted(flow.ValueOf(value).name) + " feeds " + products[0]->label + " and " + products[1]->label;
  }
  return "";
}

std::string ReduceWithMatmul(const Flow& flow, int64_t) {
  const Operation* matmul = flow.Find([](const Operation& operation) { return operation.kind == OpKind::kMatmul; });
  if (matmul == nullptr) return "";
  for (const Operation& operation : flow.program().operations) {
    if (!IsReduction(operation)) continue;
    // [1, channels, 1, columns].
    const mil::Shape& shape = flow.ValueOf(operation.inputs[0]).type.shape;
    if (shape.size() != 4 || shape[0] != 1 || shape[2] != 1) continue;
    if (std::get<mil::ReduceAttributes>(operation.attributes).reduced[1])
      return operation.label + " reduces channels beside " + matmul->label;
  }
  return "";
}

// A softmax whose result is multiplied elementwise, which only its backward pass does, beside a product with weights: a
// constant, or a matrix without heads.
std::string SoftmaxBackwardWithProjection(const Flow& flow, int64_t) {
  const auto is_projection = [&](const Operation& operation) {
    if (!IsProduct(operation)) return false;
    return std::any_of(operation.inputs.begin(), operation.inputs.end(), [&](ValueId input) {
      const mil::Shape& shape = flow.ValueOf(input).type.shape;
      return flow.IsConstant(input) || (shape.size() == 4 && shape[0] == 1 && shape[1] == 1);
    });
  };
  const std::vector<Operation>& operations = flow.program().operations;
  const auto projection = std::find_if(operations.begin(), operations.end(), is_projection);
  if (projection == operations.end()) return "";
  for (const Operation& softmax : operations) {
    if (softmax.kind != OpKind::kSoftmax) continue;
    for (const Operation& reader : operations) {
      const auto reads = [&](ValueId input) { return flow.OriginOf(input) == softmax.result; };
      if (reader.kind == OpKind::kMul && std::any_of(reader.inputs.begin(), reader.inputs.end(), reads))
        return softmax.label + " is differentiated beside " + projection->label;
    }
  }
  return "";
}

std::string Sigmoid(const Flow& flow, int64_t) {
  const Operation* found = flow.Find(
      [](const Operation& operation) { return operation.kind == OpKind::kSigmoid || operation.kind == OpKind::kSilu; });
  return found == nullptr ? "" : found->label + " is read from a table";
}

std::string Inputs(const Flow& flow, int64_t limit) {
  const size_t count = flow.program().parameters.size();
  return count > static_cast<size_t>(limit) ? std::to_string(count) + " inputs" : "";
}

std::string Outputs(const Flow& flow, int64_t limit) {
  const size_t count = flow.program().returns.size();
  return count > static_cast<size_t>(limit) ? std::to_string(count) + " outputs" : "";
}

std::string Products(const Flow& flow, int64_t limit) {
  const std::vector<Operation>& operations = flow.program().operations;
  const auto count = std::count_if(operations.begin(), operations.end(), IsProduct);
  return count > limit ? std::to_string(count) + " products in one program" : "";
}

std::string Contraction(const Flow& flow, int64_t limit) {
  for (const Operation& operation : flow.program().operations) {
    int64_t terms = 0;
    if (operation.kind == OpKind::kMatmul) {
      const mil::Shape& x = flow.ValueOf(operation.inputs[0]).type.shape;
      const bool transposed = std::get<mil::MatmulAttributes>(operation.attributes).transpose_x;
      terms = x[x.size() - (transposed && x.size() > 1 ? 2 : 1)];
    } else if (operation.kind == OpKind::kConv) {
      const mil::Shape& weight = flow.ValueOf(operation.inputs[1]).type.shape;
      terms = ElementsOf(weight) / weight[0];
    }
    if (terms > limit) return operation.label + " sums " + std::to_string(terms) + " products";
  }
  return "";
}

// Halves cut out of one value and joined again, as RoPE does it with slices.
std::string JoinedSlices(const Flow& flow, int64_t) {
  const std::vector<Operation>& operations = flow.program().operations;
  std::map<ValueId, int> slices;
  for (const Operation& operation : operations) {
    if (operation.kind == OpKind::kSlice && !flow.IsConstant(operation.inputs[0])) ++slices[operation.inputs[0]];
  }
  for (const Operation& join : operations) {
    if (join.kind != OpKind::kConcat) continue;
    for (const Operation& slice : operations) {
      if (slice.kind != OpKind::kSlice || slices[slice.inputs[0]] != 2 || !flow.Leads(slice, join)) continue;
      return join.label + " joins what " + slice.label + " cut";
    }
  }
  return "";
}

struct Pattern {
  const char* name;
  // Where machines were seen to refuse it.
  RefusedAt at;
  // Whether it takes a number; `pattern` alone then has this one.
  std::optional<int64_t> limit;
  // Empty where the program has nothing of the kind.
  std::string (*find)(const Flow& flow, int64_t limit);
};

// Sources: docs/topics/variants.md.
constexpr Pattern kPatterns[] = {
    {"cycle-path", RefusedAt::kCompile, std::nullopt, CyclePath},
    {"shared-operand", RefusedAt::kCompile, std::nullopt, SharedOperand},
    {"softmax-backward", RefusedAt::kCompile, std::nullopt, SoftmaxBackwardWithProjection},
    {"reduce-with-matmul", RefusedAt::kEvaluate, std::nullopt, ReduceWithMatmul},
    {"sigmoid", RefusedAt::kTable, std::nullopt, Sigmoid},
    {"joined-slices", RefusedAt::kCompile, std::nullopt, JoinedSlices},
    {"inputs", RefusedAt::kEvaluate, 1, Inputs},
    {"outputs", RefusedAt::kEvaluate, 1, Outputs},
    {"products", RefusedAt::kCompile, 8, Products},
    {"contraction", RefusedAt::kCompile, 2048, Contraction},
};

// Stands for `operation:NAME`, any operation of MIL.
constexpr std::string_view kOperation = "operation:";

constexpr std::pair<std::string_view, RefusedAt> kPhases[] = {{"compile", RefusedAt::kCompile},
                                                              {"load", RefusedAt::kLoad},
                                                              {"evaluate", RefusedAt::kEvaluate},
                                                              {"zeros", RefusedAt::kZeros},
                                                              {"table", RefusedAt::kTable}};

[[noreturn]] void Unknown(std::string_view entry) {
  throw Error("ERR_INVALID_ARGUMENT",
              "Expected a pattern to refuse, pattern[=N][@phase][/elements] (docs/topics/variants.md), got " +
                  std::string(entry));
}

// Cuts the text behind the last `mark` off, if there is one.
std::optional<std::string_view> CutAt(std::string_view* entry, char mark) {
  const size_t at = entry->rfind(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = entry->substr(at + 1);
  *entry = entry->substr(0, at);
  return rest;
}

int64_t Number(std::string_view text, std::string_view entry) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) Unknown(entry);
  return number;
}

}  // namespace

RefusedPattern RefusedPattern::Parse(std::string_view entry) {
  std::string_view rest = entry;
  const std::optional<std::string_view> elements = CutAt(&rest, '/');
  const std::optional<std::string_view> phase = CutAt(&rest, '@');
  const std::optional<std::string_view> limit = CutAt(&rest, '=');
  RefusedPattern parsed;
  if (elements) parsed.least_elements_ = Number(*elements, entry);
  if (rest.substr(0, kOperation.size()) == kOperation) {
    parsed.pattern_ = std::size(kPatterns);
    parsed.name_ = rest.substr(kOperation.size());
  } else {
    const auto* const found = std::find_if(std::begin(kPatterns), std::end(kPatterns),
                                           [&](const Pattern& pattern) { return rest == pattern.name; });
    if (found == std::end(kPatterns) || (limit && !found->limit)) Unknown(entry);
    parsed.pattern_ = static_cast<size_t>(found - kPatterns);
    parsed.at_ = found->at;
    parsed.limit_ = limit ? Number(*limit, entry) : found->limit.value_or(0);
  }
  if (phase) {
    const auto* const found =
        std::find_if(std::begin(kPhases), std::end(kPhases), [&](const auto& each) { return each.first == *phase; });
    if (found == std::end(kPhases)) Unknown(entry);
    parsed.at_ = found->second;
  }
  return parsed;
}

std::optional<Refusal> RefusedPattern::Find(const TypedProgram& program) const {
  int64_t elements = 0;
  for (const ValueId id : program.parameters) elements += program.values[static_cast<size_t>(id)].type.elements();
  if (elements < least_elements_) return std::nullopt;
  if (pattern_ < std::size(kPatterns)) {
    const std::string reason = kPatterns[pattern_].find(Flow(program), limit_);
    if (reason.empty()) return std::nullopt;
    return Refusal{at_, reason};
  }
  for (const Operation& operation : program.operations) {
    if (NameOf(operation) == name_) return Refusal{at_, operation.label};
  }
  return std::nullopt;
}

std::vector<RefusedPattern> ParseRefusedPatterns(std::string_view list) {
  std::vector<RefusedPattern> patterns;
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    patterns.push_back(RefusedPattern::Parse(list.substr(0, end)));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return patterns;
}

std::optional<Refusal> RefusalOf(const TypedProgram& program, const std::vector<RefusedPattern>& patterns) {
  for (const RefusedPattern& pattern : patterns) {
    if (std::optional<Refusal> refusal = pattern.Find(program)) return refusal;
  }
  return std::nullopt;
}

}  // namespace mayfly::sim
