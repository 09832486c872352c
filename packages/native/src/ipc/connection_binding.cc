#include <algorithm>
#include <initializer_list>
#include <optional>

#include "addon_data.h"
#include "device/device_binding.h"
#include "exports.h"
#include "ipc/connection.h"
#include "ipc/lane_binding.h"
#include "napi_arguments.h"
#include "napi_callback.h"
#include "napi_error.h"

namespace mayfly {
namespace {

class ConnectionObject : public Napi::ObjectWrap<ConnectionObject>, public Connection::Handler {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(
        env, "Connection",
        {InstanceMethod<&ConnectionObject::Dispatch>("dispatch"),
         InstanceMethod<&ConnectionObject::DispatchPorts>("dispatchPorts"),
         InstanceMethod<&ConnectionObject::Prefetch>("prefetch"), InstanceMethod<&ConnectionObject::Control>("control"),
         InstanceAccessor<&ConnectionObject::QueuedBytes>("queuedBytes"),
         InstanceAccessor<&ConnectionObject::EvaluationEnd>("evaluationEnd"),
         InstanceMethod<&ConnectionObject::KeepAlive>("ref"), InstanceMethod<&ConnectionObject::LetGo>("unref"),
         InstanceMethod<&ConnectionObject::Close>("close")});
  }

  // Arguments: descriptor, handlers, lane.
  explicit ConnectionObject(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<ConnectionObject>(info), context_(info.Env(), "mayfly.connection") {
    Guard(info.Env(), [&] {
      const int fd = Descriptor(info[0]);
      const Napi::Object handlers = ObjectOf(info[1], "handlers");
      on_completion_ = Napi::Persistent(FunctionOf(handlers.Get("onCompletion"), "onCompletion"));
      on_control_ = Napi::Persistent(FunctionOf(handlers.Get("onControl"), "onControl"));
      const Napi::Value on_leading = handlers.Get("onLeading");
      if (!on_leading.IsUndefined()) on_leading_ = Napi::Persistent(FunctionOf(on_leading, "onLeading"));
      on_close_ = Napi::Persistent(FunctionOf(handlers.Get("onClose"), "onClose"));
      connection_.emplace(DataOf(info.Env()).loop.get(), fd, TakeLane(info[2]), this);
    });
    // An open connection stays alive even where JavaScript holds no reference to it.
    Ref();
  }

 private:
  // One callback scope for all frames of a turn: promises settle once, after the last frame.
  void OnTurn(FunctionRef<void()> turn) override {
    Napi::HandleScope handles(Env());
    // Keeps this object alive: a handler may drop the last reference.
    [[maybe_unused]] const Napi::Value held = Value();
    Napi::CallbackScope callbacks(Env(), context_);
    turn();
  }

  void Call(const Napi::FunctionReference& function, std::initializer_list<napi_value> arguments) {
    if (!CallBack(Env(), function.Value(), arguments)) connection_->Close();
  }

  void OnFrame(const Frame& frame, const uint8_t* payload) override {
    Napi::HandleScope handles(Env());
    if (frame.kind == FrameKind::kControl) {
      void* bytes = nullptr;
      napi_value buffer = nullptr, array = nullptr;
      if (napi_create_arraybuffer(Env(), frame.payload_bytes, &bytes, &buffer) != napi_ok ||
          napi_create_typedarray(Env(), napi_uint8_array, frame.payload_bytes, buffer, 0, &array) != napi_ok) {
        return connection_->Close();
      }
      std::copy(payload, payload + frame.payload_bytes, static_cast<uint8_t*>(bytes));
      Call(on_control_, {array});
    } else if (frame.kind == FrameKind::kCompletion) {
      evaluation_end_ = frame.third;
      Call(on_completion_,
           {Napi::Number::New(Env(), static_cast<double>(frame.id)), Napi::Number::New(Env(), frame.word),
            Napi::Number::New(Env(), static_cast<double>(frame.first)),
            Napi::String::New(Env(), reinterpret_cast<const char*>(payload), frame.payload_bytes),
            Napi::Number::New(Env(), static_cast<double>(frame.second)),
            Napi::Number::New(Env(), static_cast<double>(uint64_t{frame.output_generation} << 32 | frame.generation))});
    } else if (frame.kind == FrameKind::kLeading) {
      if (!on_leading_.IsEmpty()) Call(on_leading_, {Napi::Number::New(Env(), static_cast<double>(frame.id))});
    } else {
      throw Error("ERR_FRAME", "Expected a completion, leading rows or a control frame, got another");
    }
  }

  void OnClose(const std::string& error) override {
    const napi_value value = error.empty() ? napi_value{Env().Null()} : TryToJs(Env(), Error("ERR_FRAME", error));
    const Napi::FunctionReference on_close = std::move(on_close_);
    ReleaseHandlers();
    if (value != nullptr) Call(on_close, {value});
  }

  // Handlers usually refer to this object; kept any longer, each would keep the other alive for ever.
  void ReleaseHandlers() {
    on_completion_.Reset();
    on_control_.Reset();
    on_leading_.Reset();
    on_close_.Reset();
    Unref();
  }

  static Frame DispatchFrame(const Napi::CallbackInfo& info) {
    Frame frame;
    frame.kind = FrameKind::kDispatch;
    frame.id = WholeNumber(info[0], "id");
    frame.word = static_cast<uint32_t>(WholeNumber(info[1], "program", 0, 4294967295));
    return frame;
  }

  void Dispatch(const Napi::CallbackInfo& info) {
    Guard(info.Env(), [&] {
      Frame frame = DispatchFrame(info);
      frame.first = WholeNumber(info[2], "inputOffset");
      frame.second = WholeNumber(info[3], "outputOffset");
      SendWith(ReuseOf(info[4]), frame);
    });
  }

  void Prefetch(const Napi::CallbackInfo& info) {
    Guard(info.Env(), [&] {
      Frame frame;
      frame.kind = FrameKind::kPrefetch;
      frame.word = static_cast<uint32_t>(WholeNumber(info[0], "program", 0, 4294967295));
      frame.first = WholeNumber(info[1], "inputOffset");
      SendWith(ReuseOf(info[2]), frame);
    });
  }

  void SendWith(const ReuseRanges& reuse, Frame frame) {
    if (reuse.parts.size() > kMostParts) {
      throw Error("ERR_INVALID_ARGUMENT", "Expected at most " + std::to_string(kMostParts) +
                                              " parts of an input, got " + std::to_string(reuse.parts.size()));
    }
    frame.generation = static_cast<uint32_t>(reuse.generation);
    frame.output_generation = static_cast<uint32_t>(reuse.output_generation);
    frame.third = reuse.fresh_columns;
    frame.parts = static_cast<uint8_t>(reuse.parts.size());
    if (reuse.leading_rows) frame.leading_rows = static_cast<uint16_t>(*reuse.leading_rows + 1);
    frame.payload_bytes = static_cast<uint32_t>(reuse.parts.size() * kPartBytes);
    connection_->Send(frame, reuse.parts.data());
  }

  void DispatchPorts(const Napi::CallbackInfo& info) {
    Guard(info.Env(), [&] {
      const std::vector<uint64_t> offsets = OffsetsOf(info[2]);
      if (offsets.empty()) throw Error("ERR_INVALID_ARGUMENT", "Expected at least one offset, got none");
      Frame frame = DispatchFrame(info);
      frame.payload_bytes = static_cast<uint32_t>(offsets.size() * sizeof(uint64_t));
      connection_->Send(frame, offsets.data());
    });
  }

  void Control(const Napi::CallbackInfo& info) {
    Guard(info.Env(), [&] {
      const auto [payload, bytes] = BytesOf(info[0], "payload");
      connection_->Send(ControlFrame(bytes), payload);
    });
  }

  Napi::Value QueuedBytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(connection_->queued_bytes()));
  }

  // No argument of the handler, since a number made for every completion would cost those that nobody watches.
  Napi::Value EvaluationEnd(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(evaluation_end_));
  }

  void KeepAlive(const Napi::CallbackInfo&) { connection_->SetReferenced(true); }
  void LetGo(const Napi::CallbackInfo&) { connection_->SetReferenced(false); }

  void Close(const Napi::CallbackInfo&) {
    if (!connection_->is_open()) return;
    connection_->Close();
    ReleaseHandlers();
  }

  Napi::AsyncContext context_;
  Napi::FunctionReference on_completion_, on_control_, on_leading_, on_close_;
  std::optional<Connection> connection_;
  uint64_t evaluation_end_ = 0;
};

}  // namespace

void ExportConnection(Napi::Env env, Napi::Object exports) {
  DataOf(env).connection = Napi::Persistent(ConnectionObject::Define(env));
  exports.Set("connect", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return DataOf(info.Env()).connection.New({info[0], info[1], info[2]});
              }));
}

}  // namespace mayfly
