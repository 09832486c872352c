#include <sys/wait.h>

#include <csignal>
#include <memory>
#include <optional>

#include "addon_data.h"
#include "exports.h"
#include "ipc/lane_binding.h"
#include "ipc/reaper.h"
#include "ipc/spawn.h"
#include "napi_arguments.h"
#include "napi_callback.h"
#include "napi_error.h"
#include "shm/arena_binding.h"

namespace mayfly {
namespace {

std::string SignalName(int signal) {
  switch (signal) {
    case SIGALRM: return "SIGALRM";
    case SIGABRT: return "SIGABRT";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGHUP: return "SIGHUP";
    case SIGILL: return "SIGILL";
    case SIGINT: return "SIGINT";
    case SIGKILL: return "SIGKILL";
    case SIGPIPE: return "SIGPIPE";
    case SIGQUIT: return "SIGQUIT";
    case SIGSEGV: return "SIGSEGV";
    case SIGSYS: return "SIGSYS";
    case SIGTERM: return "SIGTERM";
    case SIGTRAP: return "SIGTRAP";
    case SIGUSR1: return "SIGUSR1";
    case SIGUSR2: return "SIGUSR2";
    case SIGXCPU: return "SIGXCPU";
    case SIGXFSZ: return "SIGXFSZ";
    default: return "signal " + std::to_string(signal);
  }
}

SpawnRequest RequestFrom(const Napi::Object& options) {
  SpawnRequest request;
  request.file = Text(options.Get("file"), "file");
  request.args =
      ListOf(ArrayOf(options.Get("args"), "args"), [](const Napi::Value& each) { return Text(each, "args"); });
  const Napi::Object env = ObjectOf(options.Get("env"), "env");
  request.env = ListOf(env.GetPropertyNames(), [&](const Napi::Value& each) {
    const std::string name = Text(each, "env");
    return name + "=" + Text(env.Get(name), "env");
  });
  request.arena = UnwrapArena(options.Get("arena"))->descriptor();
  request.lane = options.Get("lane").ToBoolean();
  return request;
}

void Report(Napi::Env env, const Napi::FunctionReference& on_exit, Napi::AsyncContext& context,
            std::optional<int> status) {
  Napi::HandleScope handles(env);
  Napi::Value code = env.Null(), signal = env.Null();
  if (status && WIFEXITED(*status)) code = Napi::Number::New(env, WEXITSTATUS(*status));
  if (status && WIFSIGNALED(*status)) signal = Napi::String::New(env, SignalName(WTERMSIG(*status)));
  Napi::CallbackScope callbacks(env, context);
  CallBack(env, on_exit.Value(), {code, signal});
}

Napi::Value Spawn(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return Guard(env, [&] {
    const Napi::Object options = ObjectOf(info[0], "options");
    const SpawnRequest request = RequestFrom(options);
    auto on_exit =
        std::make_shared<Napi::FunctionReference>(Napi::Persistent(FunctionOf(options.Get("onExit"), "onExit")));
    auto context = std::make_shared<Napi::AsyncContext>(env, "mayfly.worker");
    Spawned spawned;
    DataOf(env).reaper->Start(
        [&] {
          spawned = SpawnWorker(request);
          return spawned.pid;
        },
        [env, on_exit, context](std::optional<int> status) { Report(env, *on_exit, *context, status); });
    Napi::Object result = Napi::Object::New(env);
    result.Set("pid", spawned.pid);
    result.Set("connectionFd", spawned.connection.get());
    result.Set("stderrFd", spawned.stderr_end.get());
    if (spawned.lane != nullptr) result.Set("lane", WrapLane(env, spawned.lane));
    spawned.connection.Release();
    spawned.stderr_end.Release();
    return result;
  });
}

}  // namespace

void ExportSpawn(Napi::Env env, Napi::Object exports) {
  exports.Set("spawn", Napi::Function::New(env, Spawn));
  exports.Set("socketPair", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(), [&] {
                  auto [near, far] = SocketPair();
                  Napi::Array ends = Napi::Array::New(info.Env(), 2);
                  ends.Set(0u, near.get());
                  ends.Set(1u, far.get());
                  near.Release();
                  far.Release();
                  return ends;
                });
              }));
  exports.Set("dieWithParent", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                Guard(info.Env(),
                      [&] { DieWithParent(static_cast<pid_t>(WholeNumber(info[0], "parentPid", 0, 2147483647))); });
              }));
}

}  // namespace mayfly
