// Compiled for size: its functions run seldom.
#ifndef __clang__
#pragma GCC optimize("Os")
#endif

#include "ane/canary.h"

#include <algorithm>
#include <functional>
#include <initializer_list>

#include "ane/canary_program.h"
#include "ane/framework.h"
#include "ane/program_tag.h"
#include "error.h"
#include "math/simd/half.h"
#include "number_text.h"

namespace mayfly::ane {
namespace {

using Values = std::vector<uint16_t>;

Values Filled(float value) { return Values(kCanaryElements, FloatToHalf(value)); }

// Whether all elements equal `value`.
bool Holds(const Values& values, float value) {
  return std::all_of(values.begin(), values.end(), [&](uint16_t half) { return HalfToFloat(half) == value; });
}

std::unique_ptr<AneProgram> Load(const std::string& text, const std::vector<mil::WeightFile>& weights,
                                 const ProgramOptions& options) {
  return std::make_unique<AneProgram>(text, weights, PortsOf(text, weights), options);
}

// Programs that share their text and their weights. The text must have a unique tag: nothing is shared with a process
// that runs the same canary at the same time, or has run it before.
std::unique_ptr<AneProgram> LoadShared(const std::string& text, const CanaryWeights& weights,
                                       const ProgramOptions& options) {
  return Load(text, weights.files(), options);
}

// A program that shares nothing with any other.
std::unique_ptr<AneProgram> Load(const std::string& text, const CanaryWeights& weights, ProgramOptions options) {
  options.unique = true;
  return Load(text, weights.files(), options);
}

// The first element, which all others equal, of y = W x with x = 3.
float Run(AneProgram* program) {
  const Values input = Filled(3);
  Values output = Filled(-1);
  const void* inputs[] = {input.data()};
  void* outputs[] = {output.data()};
  program->Evaluate(inputs, outputs);
  const float value = HalfToFloat(output[0]);
  if (Holds(output, value)) return value;
  throw Error("ERR_ANE_EVALUATE", "Expected a constant result of the canary, got one that varies");
}

// Throws ERR_ANE_PATH.
void RequireMethods(const std::string& path, std::initializer_list<Capability> capabilities) {
  const FrameworkProbe probe = ProbeFramework();
  for (Capability capability : capabilities) {
    if (probe.Has(capability)) continue;
    throw Error("ERR_ANE_PATH", "Expected " + path + " to have " + probe.FirstMissing(capability) + ", got none");
  }
}

// Throws ERR_ANE_PATH.
void RequireResult(const std::string& path, AneProgram* program, float expected) {
  const float got = Run(program);
  if (got == expected) return;
  throw Error("ERR_ANE_PATH",
              "Expected " + NumberText(expected, 6) + " of the canary with " + path + ", got " + NumberText(got, 6));
}

struct TwoPorts {
  Values z;
  Values y;
  // Whether the program gave the order of its ports.
  bool listed;
};

// Of TwoPortCanary with W = 1, b = 3, a = 1: z = 2 and y = 4, if the surfaces are bound in the right order.
TwoPorts RunTwoPorts(Dialect dialect, const ProgramOptions& options) {
  const Values b = Filled(3);
  const Values a = Filled(1);
  TwoPorts result{Filled(-1), Filled(-1), false};
  const void* inputs[] = {b.data(), a.data()};
  void* outputs[] = {result.z.data(), result.y.data()};
  try {
    const auto program = Load(TwoPortCanary(dialect), CanaryWeights(1), options);
    program->Evaluate(inputs, outputs);
    result.listed = program->lists_ports();
  } catch (const Error& error) {
    if (error.code() == "ERR_DEVICE_LIMIT") throw;
    throw Error("ERR_ANE_PORTS",
                std::string("Expected a program with one input and one output, since this system refuses "
                            "more; the canary's error: ") +
                    error.what());
  }
  return result;
}

Error WrongPorts(const TwoPorts& result) {
  return Error("ERR_ANE_PORTS",
               "Expected z = 2 and y = 4 of the canary with two inputs and outputs, in either order, got " +
                   NumberText(HalfToFloat(result.z[0]), 6) + " and " + NumberText(HalfToFloat(result.y[0]), 6));
}

std::string PortOrderText(Dialect dialect, const ProgramOptions& options) {
  const TwoPorts result = RunTwoPorts(dialect, options);
  if (!result.listed) {
    const PortOrders orders = ProbePortOrders(dialect, options);
    const auto name = [](PortOrder order) { return order == PortOrder::kDeclared ? "declared" : "alphabetical"; };
    return std::string("inputs ") + name(orders.inputs) + ", outputs " + name(orders.outputs);
  }
  if (Holds(result.z, 2) && Holds(result.y, 4)) return "as the program lists them";
  throw WrongPorts(result);
}

CanaryReport Report(const std::string& name, const std::function<std::string()>& body) {
  try {
    return {name, body(), true};
  } catch (const Error& error) {
    return {name, error.code() + ": " + error.what(), false};
  } catch (const std::exception& error) {
    return {name, std::string("ERR_NATIVE: ") + error.what(), false};
  }
}

}  // namespace

Dialect ProbeDialect(const ProgramOptions& options) {
  const CanaryWeights weights(1);
  try {
    Load(OnePortCanary(Dialect::kIos18), weights, options);
    return Dialect::kIos18;
  } catch (const Error& error) {
    if (error.code() != "ERR_ANE_COMPILE") throw;
  }
  Load(OnePortCanary(Dialect::kIos16), weights, options);
  return Dialect::kIos16;
}

PortOrders ProbePortOrders(Dialect dialect, const ProgramOptions& options) {
  ProgramOptions declared = options;
  declared.reads_attributes = false;
  declared.port_orders = [] { return PortOrders(); };
  const TwoPorts result = RunTwoPorts(dialect, declared);
  constexpr PortOrder kOrders[] = {PortOrder::kDeclared, PortOrder::kAlphabetical};
  for (PortOrder in : kOrders) {
    for (PortOrder out : kOrders) {
      // Bound by name, the surfaces of b and a are swapped, and so are those of z and y.
      const float difference = in == PortOrder::kDeclared ? 2 : -2;
      const float first = out == PortOrder::kDeclared ? difference : 4;
      const float second = out == PortOrder::kDeclared ? 4 : difference;
      if (Holds(result.z, first) && Holds(result.y, second)) return {in, out};
    }
  }
  throw WrongPorts(result);
}

void ProveManyOutputs(Dialect dialect, const ProgramOptions& options) {
  const Values input = Filled(3);
  std::vector<Values> values(3, Filled(-1));
  const void* inputs[] = {input.data()};
  void* outputs[] = {values[0].data(), values[1].data(), values[2].data()};
  std::string got;
  try {
    Load(ThreeOutputCanary(dialect), CanaryWeights(2), options)->Evaluate(inputs, outputs);
    // With W = 2.
    if (Holds(values[0], 3) && Holds(values[1], 9) && Holds(values[2], 18)) return;
    for (const Values& output : values) got += (got.empty() ? "" : ", ") + NumberText(HalfToFloat(output[0]), 6);
  } catch (const Error& error) {
    if (error.code() == "ERR_DEVICE_LIMIT") throw;
    got = error.what();
  }
  throw Error("ERR_ANE_PORTS",
              "Expected a program with at most two outputs, since this system does not compute more: of a canary with "
              "three, expected 3, 9, 18, got " +
                  got);
}

bool WeightsAreOwn(Dialect dialect, const ProgramOptions& options) {
  const std::string text = WithUniqueTag(OnePortCanary(dialect));
  const auto first = LoadShared(text, CanaryWeights(2), options);
  const auto second = LoadShared(text, CanaryWeights(3), options);
  return Run(first.get()) == 6 && Run(second.get()) == 9;
}

void ProveSharedSurfaces(Dialect dialect, const ProgramOptions& options) {
  constexpr const char* kPath = "surfaces that programs share";
  const auto table = std::make_shared<SurfaceTable>();
  ProgramOptions sharing = options;
  sharing.shared_surfaces = [&] { return table; };
  // A surface may be larger than the next program needs.
  ProgramOptions larger = sharing;
  larger.surfaces.minimum_bytes *= 2;
  const auto first = Load(OnePortCanary(dialect), CanaryWeights(2), larger);
  const auto second = Load(OnePortCanary(dialect), CanaryWeights(5), sharing);
  const Values x = Filled(3);
  Values y = Filled(-1);
  Values z = Filled(-1);
  const auto run = [&](AneProgram* program, const Values& from, Values* to, const InputReuse& reuse) {
    const void* inputs[] = {from.data()};
    void* outputs[] = {to->data()};
    program->EvaluateFresh(inputs, outputs, reuse);
  };
  const auto require = [&](const Values& got, float expected) {
    if (Holds(got, expected)) return;
    throw Error("ERR_ANE_PATH", "Expected " + NumberText(expected, 6) + " of the canary with " + kPath + ", got " +
                                    NumberText(HalfToFloat(got[0]), 6));
  };
  for (int turn = 0; turn < 2; ++turn) {
    run(first.get(), x, &y, {0, 1, 2, {}, {}});
    require(y, 6);
    run(second.get(), x, &z, {0, 1, 0, {}, {}});
    require(z, 15);
    // If the device copied it, the result would be another.
    std::fill(y.begin(), y.end(), FloatToHalf(-1));
    run(second.get(), y, &z, {0, 2, 0, {}, {}});
    require(z, 30);
  }
}

void ProvePrefetch(Dialect dialect, const ProgramOptions& options) {
  constexpr const char* kPath = "surfaces copied beside evaluations";
  // One evaluation may be over before copies begin.
  constexpr int kTurns = 8;
  const auto prefetcher = std::make_shared<Prefetcher>();
  const auto table = std::make_shared<SurfaceTable>();
  ProgramOptions prefetching = options;
  prefetching.shared_surfaces = [&] { return table; };
  prefetching.prefetcher = [&] { return prefetcher; };
  const auto first = Load(OnePortCanary(dialect), CanaryWeights(2), prefetching);
  const auto second = Load(OnePortCanary(dialect), CanaryWeights(5), prefetching);
  for (int turn = 1; turn <= kTurns; ++turn) {
    const Values x = Filled(static_cast<float>(turn));
    Values y = Filled(-1);
    const void* inputs[] = {x.data()};
    void* outputs[] = {y.data()};
    const InputReuse reuse{0, static_cast<uint64_t>(turn), 0, {}, 0};
    second->Prefetch(x.data(), reuse);
    RequireResult(kPath, first.get(), 6);
    const CopiedBytes before = second->copied();
    second->EvaluateFresh(inputs, outputs, reuse);
    // Beside which the output is copied.
    RequireResult(kPath, first.get(), 6);
    if (const std::shared_ptr<PendingOutput> pending = second->TakePending()) pending->Wait();
    const float expected = static_cast<float>(5 * turn);
    const CopiedBytes after = second->copied();
    const bool beside = after.prefetched > before.prefetched && after.pending > before.pending;
    if (beside && Holds(y, expected)) continue;
    throw Error("ERR_ANE_PATH", "Expected " + NumberText(expected, 6) + " of the canary with " + kPath + ", got " +
                                    (beside ? NumberText(HalfToFloat(y[0]), 6) : "a surface that was not copied"));
  }
}

bool ReloadIsInEffect(Dialect dialect, const ProgramOptions& options) {
  ProgramOptions parking = options;
  parking.park = std::make_shared<ModelPark>(false);
  Load(OnePortCanary(dialect), CanaryWeights(4), parking).reset();
  const auto program = Load(OnePortCanary(dialect), CanaryWeights(5), parking);
  if (const float got = Run(program.get()); got != 15) {
    throw Error("ERR_ANE_EVALUATE", "Expected 15 of the canary, got " + NumberText(got, 6));
  }
  return program->compilations() == 0;
}

void ProveClient(std::optional<Dialect> dialect, const ProgramOptions& options) {
  constexpr const char* kPath = "API client";
  RequireMethods(kPath, {Capability::kConnection, Capability::kClient});
  ProgramOptions client = options;
  client.api = Api::kClient;
  const std::string text = WithUniqueTag(OnePortCanary(dialect ? *dialect : ProbeDialect(client)));
  const auto first = LoadShared(text, CanaryWeights(2), client);
  RequireResult(kPath, first.get(), 6);
  // Programs that differ by their weights alone must not be taken for each other.
  RequireResult(kPath, LoadShared(text, CanaryWeights(6), client).get(), 18);
  RequireResult(std::string(kPath) + " and a program that is compiled already",
                LoadShared(text, CanaryWeights(2), client).get(), 6);
}

void ProveDirectPath(Dialect dialect, const ProgramOptions& options) {
  constexpr const char* kPath = "direct evaluation";
  RequireMethods(kPath, {Capability::kConnection, Capability::kDirect});
  const auto program = Load(OnePortCanary(dialect), CanaryWeights(2), options);
  program->set_path(EvaluationPath::kDirect);
  RequireResult(kPath, program.get(), 6);
}

std::vector<CanaryReport> RunCanaries(const ProgramOptions& options) {
  std::vector<CanaryReport> reports;
  Dialect dialect = Dialect::kIos18;
  reports.push_back(Report("dialect", [&] {
    dialect = ProbeDialect(options);
    return std::string(NameOf(dialect));
  }));
  if (!reports.back().ok) return reports;
  reports.push_back(Report("round trip", [&] {
    const float got = Run(Load(OnePortCanary(dialect), CanaryWeights(3), options).get());
    if (got != 9) throw Error("ERR_ANE_EVALUATE", "Expected 9 of the canary, got " + NumberText(got, 6));
    return std::string("works");
  }));
  reports.push_back(Report("weights of equal programs",
                           [&] { return std::string(WeightsAreOwn(dialect, options) ? "told apart" : "MIXED UP"); }));
  reports.push_back(Report("several weight files", [&] {
    const CanaryWeights first(2);
    const CanaryWeights second(5);
    const float got = Run(Load(WithUniqueTag(TwoFileCanary(dialect)), first.files(second), options).get());
    if (got != 30) throw Error("ERR_ANE_EVALUATE", "Expected 30 of the canary, got " + NumberText(got, 6));
    return std::string("work");
  }));
  reports.push_back(Report("several inputs and outputs", [&] { return PortOrderText(dialect, options); }));
  reports.push_back(Report("more than two outputs", [&] {
    ProgramOptions ordered = options;
    ordered.port_orders = [&] { return ProbePortOrders(dialect, options); };
    ProveManyOutputs(dialect, ordered);
    return std::string("work");
  }));
  reports.push_back(Report("API client", [&] {
    ProveClient(dialect, options);
    return std::string("works");
  }));
  reports.push_back(Report("direct evaluation", [&] {
    ProveDirectPath(dialect, options);
    return std::string("works");
  }));
  reports.push_back(Report("surfaces that programs share", [&] {
    ProveSharedSurfaces(dialect, options);
    return std::string("work");
  }));
  reports.push_back(Report("surfaces copied beside evaluations", [&] {
    ProvePrefetch(dialect, options);
    return std::string("work");
  }));
  reports.push_back(Report("reload of weight files",
                           [&] { return std::string(ReloadIsInEffect(dialect, options) ? "works" : "no effect"); }));
  return reports;
}

}  // namespace mayfly::ane
