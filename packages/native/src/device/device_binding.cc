#include "device/device_binding.h"

#include <limits>

#include "addon_data.h"
#include "device/device_table.h"
#include "exports.h"
#include "math/host/math_options.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "shm/arena_binding.h"

namespace mayfly {
namespace {

constexpr napi_type_tag kDeviceTag = {0x6d6179666c796465, 0x766963656f626a31};

constexpr uint64_t kMostThreads = 1024;

uint32_t ProgramId(const Napi::Value& value) {
  return static_cast<uint32_t>(WholeNumber(value, "program", 0, 4294967295));
}

Napi::Number Number(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

Napi::Array Ports(Napi::Env env, const std::vector<Port>& ports) {
  Napi::Array array = Napi::Array::New(env, ports.size());
  for (uint32_t i = 0; i < ports.size(); ++i) {
    Napi::Array shape = Napi::Array::New(env, ports[i].shape.size());
    for (uint32_t d = 0; d < ports[i].shape.size(); ++d)
      shape.Set(d, Napi::Number::New(env, static_cast<double>(ports[i].shape[d])));
    Napi::Object port = Napi::Object::New(env);
    port.Set("name", ports[i].name);
    port.Set("dtype", NameOf(ports[i].dtype));
    port.Set("shape", shape);
    port.Set("bytes", Number(env, ports[i].bytes()));
    array.Set(i, port);
  }
  return array;
}

}  // namespace

ReuseRanges ReuseOf(const Napi::Value& value) {
  constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
  ReuseRanges reuse;
  if (value.IsUndefined()) return reuse;
  const Napi::Object given = ObjectOf(value, "reuse");
  reuse.fresh_columns = WholeNumber(given.Get("freshColumns"), "freshColumns");
  reuse.generation = WholeNumber(given.Get("generation"), "generation", 0, kMost);
  const Napi::Value written = given.Get("outputGeneration");
  if (!written.IsUndefined()) reuse.output_generation = WholeNumber(written, "outputGeneration", 0, kMost);
  const Napi::Value leading = given.Get("leadingRows");
  if (!leading.IsUndefined()) reuse.leading_rows = WholeNumber(leading, "leadingRows", 0, kMostLeadingRows);
  const Napi::Value parts = given.Get("parts");
  if (parts.IsUndefined()) return reuse;
  reuse.parts = ListOf(ArrayOf(parts, "parts"), [](const Napi::Value& each) {
    const Napi::Object part = ObjectOf(each, "parts");
    const auto word = [&](const char* name) {
      return static_cast<uint32_t>(WholeNumber(part.Get(name), name, 0, kMost));
    };
    PartRange range;
    range.from = WholeNumber(part.Get("from"), "from");
    range.at = WholeNumber(part.Get("at"), "at");
    range.from_stride = word("fromStride");
    range.rows = word("rows");
    range.row_bytes = word("rowBytes");
    return range;
  });
  return reuse;
}

namespace {

CompileOptions CompileOptionsOf(const Napi::Value& value) {
  CompileOptions options;
  if (value.IsUndefined()) return options;
  const Napi::Object given = ObjectOf(value, "options");
  const Napi::Value function = given.Get("function");
  if (!function.IsUndefined()) options.function = Text(function, "function");
  options.unchecked = given.Get("unchecked").ToBoolean();
  return options;
}

Napi::Array Strings(Napi::Env env, const std::vector<std::string>& strings) {
  Napi::Array array = Napi::Array::New(env, strings.size());
  for (uint32_t i = 0; i < strings.size(); ++i) array.Set(i, strings[i]);
  return array;
}

class DeviceObject : public Napi::ObjectWrap<DeviceObject> {
 public:
  static Napi::Function Define(Napi::Env env, const DeviceTable* table) {
    return DefineClass(
        env, "NativeDevice",
        {InstanceAccessor<&DeviceObject::Name>("name"), InstanceAccessor<&DeviceObject::Api>("api"),
         InstanceMethod<&DeviceObject::Compile>("compile"), InstanceMethod<&DeviceObject::Evaluate>("evaluate"),
         InstanceMethod<&DeviceObject::Prefetch>("prefetch"), InstanceMethod<&DeviceObject::Unload>("unload"),
         InstanceMethod<&DeviceObject::Stats>("stats"), InstanceMethod<&DeviceObject::Close>("close")},
        const_cast<DeviceTable*>(table));
  }

  // Arguments: name, arena, options.
  explicit DeviceObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DeviceObject>(info) {
    info.This().As<Napi::Object>().TypeTag(&kDeviceTag);
    Guard(info.Env(), [&] {
      const std::shared_ptr<Arena> arena = UnwrapArena(info[1]);
      const Napi::Object options = info[2].IsUndefined() ? Napi::Object::New(info.Env()) : ObjectOf(info[2], "options");
      DeviceOptions common;
      const Napi::Value threads = options.Get("threads");
      if (!threads.IsUndefined()) common.threads = static_cast<int>(WholeNumber(threads, "threads", 1, kMostThreads));
      common.precision = PrecisionOrExact(options.Get("precision"));
      const auto* table = static_cast<const DeviceTable*>(info.Data());
      session_ = std::make_shared<DeviceSession>(table->Open(Text(info[0], "device"), common, options), arena);
    });
  }

  std::shared_ptr<DeviceSession> session() const {
    if (!session_) throw Error("ERR_INVALID_ARGUMENT", "Expected an open device, got a closed one");
    return session_;
  }

 private:
  Napi::Value Name(const Napi::CallbackInfo& info) {
    return Guard(info.Env(), [&] { return Napi::String::New(info.Env(), session()->name()); });
  }

  Napi::Value Api(const Napi::CallbackInfo& info) {
    return Guard(info.Env(), [&]() -> Napi::Value {
      const std::string api = session()->api();
      if (api.empty()) return info.Env().Null();
      return Napi::String::New(info.Env(), api);
    });
  }

  Napi::Value Compile(const Napi::CallbackInfo& info) {
    return Guard(info.Env(), [&] {
      const std::vector<WeightRange> weights = ListOf(ArrayOf(info[1], "weights"), [](const Napi::Value& each) {
        const Napi::Object range = ObjectOf(each, "weights");
        return WeightRange{Text(range.Get("path"), "path"), WholeNumber(range.Get("offset"), "offset"),
                           WholeNumber(range.Get("bytes"), "bytes")};
      });
      const std::shared_ptr<DeviceSession> device = session();
      const uint64_t before = device->stats().compile_nanoseconds;
      const uint32_t id = device->Compile(Text(info[0], "text"), weights, CompileOptionsOf(info[2]));
      const Program& program = device->program(id);
      Napi::Object result = Napi::Object::New(info.Env());
      result.Set("program", id);
      result.Set("inputs", Ports(info.Env(), program.inputs()));
      result.Set("outputs", Ports(info.Env(), program.outputs()));
      result.Set("residentBytes", Number(info.Env(), program.resident_bytes() + program.shared_bytes()));
      result.Set("compilations", program.compilations());
      result.Set("warnings", Strings(info.Env(), program.warnings()));
      result.Set("nanoseconds", Number(info.Env(), device->stats().compile_nanoseconds - before));
      return result;
    });
  }

  void Evaluate(const Napi::CallbackInfo& info) {
    Guard(info.Env(), [&] {
      const std::vector<uint64_t> offsets = OffsetsOf(info[1]);
      ReuseRanges reuse = ReuseOf(info[2]);
      // Whoever calls a device gets its output when the call returns.
      reuse.leading_rows.reset();
      session()->Evaluate(ProgramId(info[0]), offsets.data(), offsets.size(), reuse);
    });
  }

  void Prefetch(const Napi::CallbackInfo& info) {
    Guard(info.Env(),
          [&] { session()->Prefetch(ProgramId(info[0]), WholeNumber(info[1], "inputOffset"), ReuseOf(info[2])); });
  }

  void Unload(const Napi::CallbackInfo& info) {
    Guard(info.Env(), [&] { session()->Unload(ProgramId(info[0])); });
  }

  Napi::Value Stats(const Napi::CallbackInfo& info) {
    return Guard(info.Env(), [&] {
      const SessionStats stats = session()->stats();
      Napi::Object result = Napi::Object::New(info.Env());
      result.Set("compilations", Number(info.Env(), stats.compilations));
      result.Set("livePrograms", Number(info.Env(), stats.live_programs));
      result.Set("evaluations", Number(info.Env(), stats.evaluations));
      result.Set("residentBytes", Number(info.Env(), stats.resident_bytes));
      result.Set("evaluateNanoseconds", Number(info.Env(), stats.evaluate_nanoseconds));
      result.Set("compileNanoseconds", Number(info.Env(), stats.compile_nanoseconds));
      result.Set("copiedInBytes", Number(info.Env(), stats.copied.in));
      result.Set("copiedOutBytes", Number(info.Env(), stats.copied.out));
      result.Set("prefetchedBytes", Number(info.Env(), stats.copied.prefetched));
      return result;
    });
  }

  void Close(const Napi::CallbackInfo& info) {
    Guard(info.Env(), [&] {
      // A serve loop shares the session, and must not keep the programs loaded.
      if (session_) session_->Close();
      session_.reset();
    });
  }

  std::shared_ptr<DeviceSession> session_;
};

}  // namespace

void ExportDevice(Napi::Env env, Napi::Object exports, const DeviceTable& table) {
  DataOf(env).device = Napi::Persistent(DeviceObject::Define(env, &table));
  exports.Set("openDevice", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return DataOf(info.Env()).device.New({info[0], info[1], info[2]});
              }));
  exports.Set("deviceNames", Napi::Function::New(env, [&table](const Napi::CallbackInfo& info) {
                return Strings(info.Env(), table.AvailableNames());
              }));
}

std::shared_ptr<DeviceSession> UnwrapDevice(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kDeviceTag)) {
    throw ToJs(value.Env(), Unexpected(value, "device", "a device of this addon"));
  }
  return Guard(value.Env(),
               [&] { return Napi::ObjectWrap<DeviceObject>::Unwrap(value.As<Napi::Object>())->session(); });
}

}  // namespace mayfly
