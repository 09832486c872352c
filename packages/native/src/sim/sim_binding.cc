// Compiled for size: its functions run seldom.
#ifndef __clang__
#pragma GCC optimize("Os")
#endif

#include "sim/sim_binding.h"

#include <optional>
#include <string>
#include <utility>

#include "error.h"
#include "napi_arguments.h"
#include "sim/sim_device.h"

namespace mayfly {
namespace {

sim::FaultKind KindOf(const Napi::Value& value) {
  constexpr std::pair<const char*, sim::FaultKind> kKinds[] = {
      {"hang", sim::FaultKind::kHang}, {"crash", sim::FaultKind::kCrash}, {"abort", sim::FaultKind::kAbort},
      {"exit", sim::FaultKind::kExit}, {"zeros", sim::FaultKind::kZeros}, {"error", sim::FaultKind::kError},
      {"load", sim::FaultKind::kLoad}, {"leak", sim::FaultKind::kLeak}};
  const std::string name = Text(value, "fault");
  for (const auto& [known, kind] : kKinds) {
    if (name == known) return kind;
  }
  throw Unexpected(value, "fault", "hang, crash, abort, exit, zeros, error, load or leak");
}

double Probability(const Napi::Value& value) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= 1)) throw Unexpected(value, "probability", "a number from 0 to 1");
  return number;
}

std::vector<sim::Fault> FaultsOf(const Napi::Value& value) {
  return ListOf(ArrayOf(value, "faults"), [](const Napi::Value& each) {
    const Napi::Object given = ObjectOf(each, "fault");
    sim::Fault fault{KindOf(given.Get("fault")), {}};
    if (given.Has("code")) fault.code = static_cast<int>(WholeNumber(given.Get("code"), "code"));
    if (given.Has("at")) fault.at = OffsetsOf(given.Get("at"));
    if (given.Has("every")) fault.every = WholeNumber(given.Get("every"), "every");
    if (given.Has("from")) fault.from = WholeNumber(given.Get("from"), "from");
    if (given.Has("probability")) fault.probability = Probability(given.Get("probability"));
    return fault;
  });
}

sim::Numerics NumericsOf(const Napi::Object& given) {
  const auto magnitude = [&](const char* name) -> std::optional<float> {
    if (!given.Has(name)) return std::nullopt;
    const Napi::Value value = given.Get(name);
    if (!value.IsNumber()) throw Unexpected(value, name, "a number");
    return value.As<Napi::Number>().FloatValue();
  };
  return {magnitude("infiniteFrom"), magnitude("zeroFrom"), magnitude("sliceLimit"), magnitude("sigmoidPoints"),
          magnitude("productFloor")};
}

bool IsTrue(const Napi::Object& given, const char* name) { return given.Get(name).ToBoolean(); }

sim::Verdict VerdictOf(const Napi::Object& given) {
  sim::Verdict verdict;
  if (given.Has("refused")) {
    const Napi::Object refused = ObjectOf(given.Get("refused"), "refused");
    verdict.error_code = Text(refused.Get("code"), "code");
    verdict.error_message = Text(refused.Get("message"), "message");
  }
  if (given.Has("evaluateError")) verdict.evaluate_error = Text(given.Get("evaluateError"), "evaluateError");
  verdict.zeros = IsTrue(given, "zeros");
  verdict.inputs_by_name = IsTrue(given, "inputsByName");
  verdict.outputs_by_name = IsTrue(given, "outputsByName");
  verdict.compile_nanoseconds = WholeNumber(given.Get("compileNanoseconds"), "compileNanoseconds");
  verdict.evaluate_nanoseconds = WholeNumber(given.Get("evaluateNanoseconds"), "evaluateNanoseconds");
  return verdict;
}

sim::Settings SettingsOf(const Napi::Object& given) {
  sim::Settings settings;
  settings.name = Text(given.Get("name"), "name");
  settings.compilations = WholeNumber(given.Get("compilations"), "compilations");
  settings.live_programs = WholeNumber(given.Get("livePrograms"), "livePrograms");
  settings.program_bytes = WholeNumber(given.Get("programBytes"), "programBytes");
  settings.clock = IsTrue(given, "clock");
  if (given.Has("numerics")) settings.numerics = NumericsOf(ObjectOf(given.Get("numerics"), "numerics"));
  settings.open_faults = FaultsOf(given.Get("openFaults"));
  settings.unload_faults = FaultsOf(given.Get("unloadFaults"));
  settings.compile_faults = FaultsOf(given.Get("compileFaults"));
  settings.evaluate_faults = FaultsOf(given.Get("evaluateFaults"));
  settings.refused = ListOf(ArrayOf(given.Get("refuse"), "refuse"),
                            [](const Napi::Value& each) { return sim::RefusedPattern::Parse(Text(each, "refuse")); });
  settings.teardown_milliseconds = WholeNumber(given.Get("teardownMs"), "teardownMs");
  if (given.Has("seed")) settings.seed = WholeNumber(given.Get("seed"), "seed");
  // Programs are compiled on the JavaScript thread only, so that calling the function is allowed.
  auto judge = std::make_shared<Napi::FunctionReference>(Napi::Persistent(FunctionOf(given.Get("judge"), "judge")));
  settings.judge = [judge](std::string_view text, const std::string& function) {
    const Napi::HandleScope scope(judge->Env());
    const Napi::Value verdict = judge->Call(
        {Napi::String::New(judge->Env(), text.data(), text.size()), Napi::String::New(judge->Env(), function)});
    return VerdictOf(ObjectOf(verdict, "verdict"));
  };
  return settings;
}

}  // namespace

std::unique_ptr<Device> OpenSimDevice(const DeviceOptions& common, const Napi::Object& options) {
  const Napi::Value given = options.Get("sim");
  if (!given.IsObject()) {
    throw Error("ERR_DEVICE_UNAVAILABLE", "Expected a chip to simulate, as in sim:m4, got none");
  }
  return sim::OpenDevice(SettingsOf(given.As<Napi::Object>()), common.threads);
}

}  // namespace mayfly
