#include "ipc/lane_binding.h"

#include <utility>

#include "napi_arguments.h"

namespace mayfly {
namespace {

using Held = Napi::External<std::shared_ptr<Lane>>;

constexpr napi_type_tag kLaneTag = {0x6D61796672790001, 0x6C616E65};

}  // namespace

Napi::Value WrapLane(Napi::Env env, std::shared_ptr<Lane> lane) {
  const Held held = Held::New(env, new std::shared_ptr<Lane>(std::move(lane)),
                              [](Napi::Env, std::shared_ptr<Lane>* gone) { delete gone; });
  napi_type_tag_object(env, held, &kLaneTag);
  return held;
}

std::shared_ptr<Lane> TakeLane(const Napi::Value& value) {
  if (value.IsUndefined()) return nullptr;
  bool is_lane = false;
  if (value.IsExternal()) napi_check_object_type_tag(value.Env(), value, &kLaneTag, &is_lane);
  std::shared_ptr<Lane> lane = is_lane ? std::move(*value.As<Held>().Data()) : nullptr;
  if (lane == nullptr) throw Unexpected(value, "lane", "a lane that no connection has");
  return lane;
}

}  // namespace mayfly
