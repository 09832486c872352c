#include <algorithm>
#include <optional>
#include <vector>

#include "addon_data.h"
#include "device/device_binding.h"
#include "exports.h"
#include "ipc/serve.h"
#include "napi_arguments.h"
#include "napi_error.h"

namespace mayfly {
namespace {

class WorkerSocketObject : public Napi::ObjectWrap<WorkerSocketObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(
        env, "WorkerSocket",
        {InstanceMethod<&WorkerSocketObject::Serve>("serve"), InstanceMethod<&WorkerSocketObject::Send>("send")});
  }

  // Arguments: descriptor, device, descriptors of a lane.
  explicit WorkerSocketObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<WorkerSocketObject>(info) {
    Guard(info.Env(), [&] {
      std::shared_ptr<Lane> lane;
      if (!info[2].IsUndefined()) {
        const Napi::Array ends = ArrayOf(info[2], "lane");
        lane = Lane::Attach(
            {OwnedFd(Descriptor(ends.Get(0u))), OwnedFd(Descriptor(ends.Get(1u))), OwnedFd(Descriptor(ends.Get(2u)))});
      }
      loop_.emplace(Descriptor(info[0]), std::move(lane), UnwrapDevice(info[1]));
    });
  }

 private:
  Napi::Value Serve(const Napi::CallbackInfo& info) {
    return Guard(info.Env(), [&]() -> Napi::Value {
      std::vector<uint8_t> control;
      if (!loop_->Serve(&control)) return info.Env().Null();
      Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(info.Env(), control.size());
      std::copy(control.begin(), control.end(), static_cast<uint8_t*>(buffer.Data()));
      return Napi::Uint8Array::New(info.Env(), control.size(), buffer, 0);
    });
  }

  void Send(const Napi::CallbackInfo& info) {
    Guard(info.Env(), [&] {
      const auto [payload, bytes] = BytesOf(info[0], "payload");
      loop_->Send(payload, bytes);
    });
  }

  std::optional<ServeLoop> loop_;
};

}  // namespace

void ExportServe(Napi::Env env, Napi::Object exports) {
  DataOf(env).worker_socket = Napi::Persistent(WorkerSocketObject::Define(env));
  exports.Set("serveSocket", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return DataOf(info.Env()).worker_socket.New({info[0], info[1], info[2]});
              }));
}

}  // namespace mayfly
