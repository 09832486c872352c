// Compiled for size: its functions run seldom, or wait.
#ifndef __clang__
#pragma GCC optimize("Os")
#endif

#include "collective/collective_calls.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "error.h"

namespace mayfly {
namespace {

// A copy of each rank's message. Null where JavaScript can no longer run.
napi_value MessagesOf(Napi::Env env, const Operation& operation) {
  napi_value list = nullptr;
  if (napi_create_array_with_length(env, operation.sizes.size(), &list) != napi_ok) return nullptr;
  auto from = operation.messages.begin();
  for (uint32_t rank = 0; rank < operation.sizes.size(); ++rank) {
    void* to = nullptr;
    napi_value buffer = nullptr, array = nullptr;
    const size_t size = operation.sizes[rank];
    if (napi_create_arraybuffer(env, size, &to, &buffer) != napi_ok ||
        napi_create_typedarray(env, napi_uint8_array, size, buffer, 0, &array) != napi_ok ||
        napi_set_element(env, list, rank, array) != napi_ok) {
      return nullptr;
    }
    std::copy_n(from, size, static_cast<uint8_t*>(to));
    from += size;
  }
  return list;
}

}  // namespace

struct CollectiveCalls::Call : Operation, PendingPromises::Work {
  explicit Call(Operation operation) : Operation(std::move(operation)) {}

  napi_value Result(Napi::Env env) override {
    if (!failure.empty()) throw Error("ERR_COLLECTIVE", failure);
    if (kind == Kind::kExchange) return MessagesOf(env, *this);
    napi_value undefined = nullptr;
    napi_get_undefined(env, &undefined);
    return undefined;
  }
};

napi_value CollectiveCalls::Open(Napi::Env env, Group::Settings settings, Operation operation) {
  const auto call = std::make_shared<Call>(std::move(operation));
  return promises_.Add(env, call, [&](const std::shared_ptr<PendingPromises::Mailbox>& mailbox) {
    const auto listener = [mailbox](const std::shared_ptr<Operation>& ended) {
      mailbox->Put(std::static_pointer_cast<Call>(ended));
    };
    Group::OfProcess().Open(std::move(settings), listener, call);
    has_opened_ = true;
  });
}

napi_value CollectiveCalls::Submit(Napi::Env env, Operation operation) {
  if (!has_opened_) throw Error("ERR_COLLECTIVE", "This thread has not opened the group of ranks");
  const auto call = std::make_shared<Call>(std::move(operation));
  return promises_.Add(env, call, [&](const auto&) { Group::OfProcess().Submit(call); });
}

void CollectiveCalls::End() noexcept {
  promises_.End();
  if (std::exchange(has_opened_, false)) Group::OfProcess().Leave();
}

}  // namespace mayfly
