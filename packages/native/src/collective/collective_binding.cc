// The group of ranks as an object of JavaScript functions (NativeCollective in lib/contract.ts).
// Compiled for size: its functions run seldom, or wait.
#ifndef __clang__
#pragma GCC optimize("Os")
#endif

#include <algorithm>
#include <string>
#include <utility>

#include "addon_data.h"
#include "collective/collective_calls.h"
#include "collective/group.h"
#include "exports.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "shm/arena_binding.h"

namespace mayfly {
namespace {

constexpr uint64_t kMostRanks = 1 << 20;
constexpr uint64_t kMostSliceBytes = uint64_t{1} << 30;

Kind KindOf(const std::string& name) {
  for (const Kind kind : {Kind::kAllReduce, Kind::kReduce, Kind::kAllGather, Kind::kBroadcast, Kind::kBarrier,
                          Kind::kExchange, Kind::kClose}) {
    if (name == NameOf(kind)) return kind;
  }
  throw Error("ERR_INVALID_ARGUMENT", "Expected kind to be an operation of a group, got `" + name + "`");
}

std::chrono::nanoseconds TimeoutOf(const Napi::Object& options) {
  const Napi::Value value = options.Get("timeoutMs");
  const double milliseconds = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(milliseconds > 0)) throw Unexpected(value, "timeoutMs", "a number above 0");
  // 292 years are the longest that fit.
  if (milliseconds >= 9e12) return std::chrono::nanoseconds::max();
  return std::chrono::nanoseconds(static_cast<int64_t>(milliseconds * 1e6));
}

Napi::Value Open(const Napi::CallbackInfo& info) {
  const Napi::Object options = ObjectOf(info[0], "options");
  Group::Settings settings;
  settings.files =
      ListOf(ArrayOf(options.Get("files"), "files"), [](const Napi::Value& each) { return Text(each, "files"); });
  settings.launcher = Text(options.Get("launcher"), "launcher");
  settings.size = static_cast<int>(WholeNumber(options.Get("size"), "size", 2, kMostRanks));
  settings.rank = static_cast<int>(WholeNumber(options.Get("rank"), "rank", 0, settings.size - 1));
  settings.slice_bytes = WholeNumber(options.Get("sliceBytes"), "sliceBytes", 64, kMostSliceBytes) / 64 * 64;
  Operation operation;
  operation.kind = Kind::kOpen;
  operation.timeout = TimeoutOf(options);
  const Napi::Env env = info.Env();
  return {env, DataOf(env).collective->Open(env, std::move(settings), std::move(operation))};
}

Napi::Value Run(const Napi::CallbackInfo& info) {
  const Napi::Object call = ObjectOf(info[0], "call");
  Operation operation;
  operation.kind = KindOf(Text(call.Get("kind"), "kind"));
  operation.timeout = TimeoutOf(call);
  operation.root = static_cast<int>(WholeNumber(call.Get("root"), "root", 0, kMostRanks));
  const Napi::Array ranges = ArrayOf(call.Get("ranges"), "ranges");
  if (ranges.Length() > 0) operation.arena = UnwrapArena(call.Get("arena"));
  operation.ranges = ListOf(ranges, [&](const Napi::Value& each) -> Operation::Range {
    const Napi::Object range = ObjectOf(each, "range");
    const uint64_t offset = WholeNumber(range.Get("offset"), "offset"),
                   bytes = WholeNumber(range.Get("bytes"), "bytes");
    return {operation.arena->At(offset, bytes), bytes};
  });
  if (operation.kind == Kind::kExchange) {
    const auto [data, bytes] = BytesOf(call.Get("message"), "message");
    operation.message.assign(data, data + bytes);
  }
  const Napi::Env env = info.Env();
  return {env, DataOf(env).collective->Submit(env, std::move(operation))};
}

using Body = Napi::Value (*)(const Napi::CallbackInfo&);

void Set(Napi::Object* object, const char* name, Body body) {
  object->Set(
      name,
      Napi::Function::New(
          object->Env(),
          [body](const Napi::CallbackInfo& info) { return Guard(info.Env(), [&] { return body(info); }); }, name));
}

}  // namespace

void ExportCollective(Napi::Env env, Napi::Object exports) {
  Napi::Object collective = Napi::Object::New(env);
  Set(&collective, "open", Open);
  Set(&collective, "run", Run);
  Set(&collective, "cancel", [](const Napi::CallbackInfo& info) -> Napi::Value {
    Group::OfProcess().Cancel();
    return info.Env().Undefined();
  });
  Set(&collective, "library", [](const Napi::CallbackInfo& info) -> Napi::Value {
    return Napi::String::New(info.Env(), Group::OfProcess().name());
  });
  Set(&collective, "sentBytes", [](const Napi::CallbackInfo& info) -> Napi::Value {
    return Napi::Number::New(info.Env(), static_cast<double>(Group::OfProcess().sent_bytes()));
  });
  Set(&collective, "leave", [](const Napi::CallbackInfo& info) -> Napi::Value {
    Group::OfProcess().Leave();
    return info.Env().Undefined();
  });
  Set(&collective, "abort", [](const Napi::CallbackInfo& info) -> Napi::Value {
    Group::OfProcess().Abort(static_cast<int>(WholeNumber(info[0], "code", 1, 125)));
  });
  exports.Set("collective", collective);
}

}  // namespace mayfly
