#include "shm/arena_binding.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "addon_data.h"
#include "exports.h"
#include "napi_arguments.h"
#include "napi_error.h"
#include "shm/available_memory.h"

namespace mayfly {
namespace {

// The largest ArrayBuffer of Node 20.
constexpr uint64_t kWindowBytes = uint64_t{1} << 32;
constexpr napi_type_tag kArenaTag = {0x6d6179666c796172, 0x656e61206f626a31};

class ArenaObject : public Napi::ObjectWrap<ArenaObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(
        env, "NativeArena",
        {InstanceAccessor<&ArenaObject::Bytes>("bytes"), InstanceMethod<&ArenaObject::Populate>("populate"),
         InstanceMethod<&ArenaObject::Discard>("discard"), InstanceMethod<&ArenaObject::View>("view"),
         InstanceMethod<&ArenaObject::ResidentBytes>("residentBytes"), InstanceMethod<&ArenaObject::Close>("close")});
  }

  explicit ArenaObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ArenaObject>(info) {
    info.This().As<Napi::Object>().TypeTag(&kArenaTag);
  }

  ~ArenaObject() override { LetGo(); }

  void Hold(std::shared_ptr<Arena> arena) { arena_ = std::move(arena); }

  std::shared_ptr<Arena> arena() const {
    if (!arena_) throw Error("ERR_INVALID_ARGUMENT", "Expected an open arena, got a closed one");
    return arena_;
  }

 private:
  Napi::Value Bytes(const Napi::CallbackInfo& info) {
    return Guard(info.Env(), [&] { return Napi::Number::New(info.Env(), static_cast<double>(arena()->bytes())); });
  }

  void Populate(const Napi::CallbackInfo& info) {
    Guard(info.Env(), [&] { arena()->Populate(WholeNumber(info[0], "offset"), WholeNumber(info[1], "bytes")); });
  }

  void Discard(const Napi::CallbackInfo& info) {
    Guard(info.Env(), [&] { arena()->Discard(WholeNumber(info[0], "offset"), WholeNumber(info[1], "bytes")); });
  }

  Napi::Value View(const Napi::CallbackInfo& info) {
    return Guard(info.Env(), [&]() -> Napi::Value {
      const uint64_t offset = WholeNumber(info[0], "offset");
      const uint64_t bytes = WholeNumber(info[1], "bytes");
      arena()->At(offset, bytes);
      if (bytes > kWindowBytes) {
        throw Error("ERR_ARENA_BOUNDS", "Expected a view of 4 GiB at most, got " + std::to_string(bytes) +
                                            " bytes at " + std::to_string(offset));
      }
      const uint64_t whole = offset / kWindowBytes * kWindowBytes;
      // Views share the buffers at multiples of a window. One that none of them holds begins a window of its own.
      const uint64_t begin = offset + bytes > whole + kWindowBytes ? offset : whole;
      return Napi::Uint8Array::New(info.Env(), bytes, Window(info.Env(), begin), offset - begin);
    });
  }

  // The buffer owns a reference to the mapping; its finalizer drops it once no view is left. V8 counts the window as
  // external memory until it frees or detaches the buffer, so this code must not adjust that count. The count causes
  // one garbage collection, after which V8 measures growth from the new level.
  Napi::ArrayBuffer Window(Napi::Env env, uint64_t begin) {
    const auto found = windows_.find(begin);
    if (found != windows_.end()) {
      // JavaScript may detach a buffer (ArrayBuffer.prototype.transfer); the next view then gets a new one.
      const Napi::ArrayBuffer known = found->second.Value();
      if (!known.IsEmpty() && !known.IsDetached()) return known;
    }
    const std::shared_ptr<Arena> held = arena();
    const uint64_t bytes = std::min(kWindowBytes, held->bytes() - begin);
    auto* kept = new std::shared_ptr<Arena>(held);
    napi_value buffer = nullptr;
    const napi_status status = napi_create_external_arraybuffer(
        env, held->base() + begin, bytes,
        [](napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<Arena>*>(hint); }, kept, &buffer);
    if (status != napi_ok) {
      delete kept;
      throw Error("ERR_ARENA_VIEW", "Expected this runtime to allow external buffers, got status " +
                                        std::to_string(status) +
                                        ": Mayfly cannot run where they are forbidden (Electron's memory cage)");
    }
    Napi::ArrayBuffer made(env, buffer);
    // Those at multiples stay as long as the arena; the others, of which there may be many, as long as their views.
    windows_[begin] = Napi::Reference<Napi::ArrayBuffer>::New(made, begin % kWindowBytes == 0 ? 1 : 0);
    return made;
  }

  Napi::Value ResidentBytes(const Napi::CallbackInfo& info) {
    return Guard(info.Env(),
                 [&] { return Napi::Number::New(info.Env(), static_cast<double>(arena()->ResidentBytes())); });
  }

  void Close(const Napi::CallbackInfo&) { LetGo(); }

  void LetGo() {
    windows_.clear();
    if (arena_) arena_->CloseDescriptor();
    arena_.reset();
  }

  std::shared_ptr<Arena> arena_;
  std::unordered_map<uint64_t, Napi::Reference<Napi::ArrayBuffer>> windows_;  // by their first byte
};

Napi::Value Wrap(Napi::Env env, std::shared_ptr<Arena> arena) {
  Napi::Object object = DataOf(env).arena.New({});
  ArenaObject::Unwrap(object)->Hold(std::move(arena));
  return object;
}

}  // namespace

void ExportArena(Napi::Env env, Napi::Object exports) {
  DataOf(env).arena = Napi::Persistent(ArenaObject::Define(env));
  exports.Set("createArena", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(),
                             [&] { return Wrap(info.Env(), Arena::Create(WholeNumber(info[0], "bytes"))); });
              }));
  exports.Set("availableMemory", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(), [&] {
                  const std::string root = info[0].IsUndefined() ? "" : Text(info[0], "root");
                  return Napi::Number::New(info.Env(), static_cast<double>(AvailableMemory(root)));
                });
              }));
  exports.Set("attachArena", Napi::Function::New(env, [](const Napi::CallbackInfo& info) {
                return Guard(info.Env(), [&] { return Wrap(info.Env(), Arena::Attach(Descriptor(info[0]))); });
              }));
}

std::shared_ptr<Arena> UnwrapArena(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kArenaTag)) {
    throw ToJs(value.Env(), Unexpected(value, "arena", "an arena of this addon"));
  }
  return Guard(value.Env(), [&] { return ArenaObject::Unwrap(value.As<Napi::Object>())->arena(); });
}

}  // namespace mayfly
