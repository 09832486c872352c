#include <memory>
#include <optional>

#include "ane/ane_device.h"
#include "ane/canary.h"
#include "ane/chip.h"
#include "ane/energy_meter.h"
#include "ane/framework.h"
#include "ane/settings.h"
#include "exports.h"
#include "napi_error.h"

namespace mayfly {
namespace {

using Info = Napi::CallbackInfo;

Napi::Value Probe(const Info& info) {
  return Guard(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const ane::FrameworkProbe probe = ane::ProbeFramework();
    Napi::Array methods = Napi::Array::New(env, probe.methods.size());
    for (uint32_t i = 0; i < probe.methods.size(); ++i) {
      const ane::ProbedMethod& probed = probe.methods[i];
      Napi::Object method = Napi::Object::New(env);
      method.Set("method", ane::Describe(*probed.method));
      method.Set("capability", ane::NameOf(probed.method->capability));
      method.Set("classPresent", probed.class_present);
      method.Set("present", probed.present);
      method.Set("usable", probed.usable());
      method.Set("expectedKinds", probed.method->kinds);
      method.Set("expectedArguments", probed.method->arguments());
      if (probed.present) {
        method.Set("arguments", probed.arguments);
        method.Set("encoding", probed.encoding);
        method.Set("kinds", ane::KindsOf(probed.encoding));
      }
      methods.Set(i, method);
    }
    Napi::Array capabilities = Napi::Array::New(env);
    for (ane::Capability capability : ane::AllCapabilities()) {
      if (probe.Has(capability)) capabilities.Set(capabilities.Length(), ane::NameOf(capability));
    }
    const Availability availability = AneAvailability();
    Napi::Object result = Napi::Object::New(env);
    result.Set("available", availability.available);
    result.Set("reason", availability.reason);
    result.Set("chip", availability.available ? ane::ChipName() : "");
    result.Set("capabilities", capabilities);
    result.Set("methods", methods);
    return result;
  });
}

ane::ProgramOptions OptionsOfMachine() {
  ane::ProgramOptions options;
  options.surfaces = ane::SurfaceRulesFor(ane::ChipName());
  return options;
}

void RequireDevice() {
  const Availability availability = AneAvailability();
  if (!availability.available) throw Error("ERR_DEVICE_UNAVAILABLE", availability.reason);
}

Napi::Value Canaries(const Info& info) {
  return Guard(info.Env(), [&]() -> Napi::Value {
    RequireDevice();
    const std::vector<ane::CanaryReport> reports = ane::RunCanaries(OptionsOfMachine());
    Napi::Array result = Napi::Array::New(info.Env(), reports.size());
    for (uint32_t i = 0; i < reports.size(); ++i) {
      Napi::Object report = Napi::Object::New(info.Env());
      report.Set("name", reports[i].name);
      report.Set("outcome", reports[i].outcome);
      report.Set("ok", reports[i].ok);
      result.Set(i, report);
    }
    return result;
  });
}

Napi::Value Dialect(const Info& info) {
  return Guard(info.Env(), [&]() -> Napi::Value {
    RequireDevice();
    const ane::Settings settings = ane::Settings::FromEnvironment();
    const ane::Dialect dialect = settings.dialect ? *settings.dialect : ane::ProbeDialect(OptionsOfMachine());
    return Napi::String::New(info.Env(), ane::NameOf(dialect));
  });
}

Napi::Value ToJs(Napi::Env env, const ane::EnergyReading& reading) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("seconds", reading.seconds);
  result.Set("joules", env.Null());
  if (reading.joules) {
    Napi::Object joules = Napi::Object::New(env);
    for (const auto& [die, value] : *reading.joules) joules.Set(die, value);
    result.Set("joules", joules);
  }
  const auto number = [env](const std::optional<double>& value) -> Napi::Value {
    if (!value) return env.Null();
    return Napi::Number::New(env, *value);
  };
  const auto& memory = reading.memory;
  result.Set("memoryBytes", number(memory ? std::optional(memory->bytes) : std::nullopt));
  result.Set("aneBytes", number(memory ? memory->ane_bytes : std::nullopt));
  return result;
}

Napi::Value OpenEnergyMeter(const Info& info) {
  return Guard(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const auto meter = std::make_shared<ane::EnergyMeter>();
    Napi::Array dies = Napi::Array::New(env);
    for (const std::string& die : meter->Dies()) dies.Set(dies.Length(), die);
    Napi::Object result = Napi::Object::New(env);
    result.Set("dies", dies);
    result.Set("memorySource", meter->MemorySource());
    result.Set("read", Napi::Function::New(env, [meter](const Info& call) {
                 return Guard(call.Env(), [&] { return ToJs(call.Env(), meter->Read()); });
               }));
    return result;
  });
}

}  // namespace

void ExportAne(Napi::Env env, Napi::Object exports) {
  Napi::Object ane = Napi::Object::New(env);
  ane.Set("probe", Napi::Function::New(env, Probe));
  ane.Set("canaries", Napi::Function::New(env, Canaries));
  ane.Set("dialect", Napi::Function::New(env, Dialect));
  ane.Set("openEnergyMeter", Napi::Function::New(env, OpenEnergyMeter));
  exports.Set("ane", ane);
}

}  // namespace mayfly
