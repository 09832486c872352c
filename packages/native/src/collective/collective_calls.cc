// Compiled for size: its functions run seldom, or wait.
#ifndef __clang__
#pragma GCC optimize("Os")
#endif

#include "collective/collective_calls.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>

#include "error.h"
#include "napi_error.h"

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

// Where the group's thread tells the event loop of operations that have ended.
struct CollectiveCalls::Mailbox {
  std::mutex mutex;
  uv_async_t* bell = nullptr;                    // guarded by mutex; null once the environment ends
  std::deque<std::shared_ptr<Operation>> ended;  // guarded by mutex

  void Put(const std::shared_ptr<Operation>& operation) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (bell == nullptr) return;
    ended.push_back(operation);
    uv_async_send(bell);
  }
};

napi_value CollectiveCalls::Open(Napi::Env env, Group::Settings settings, std::shared_ptr<Operation> operation) {
  const auto mailbox = std::make_shared<Mailbox>();
  AsyncHandle done(
      loop_, "ERR_NATIVE", "for the ends of collective operations",
      [](uv_loop_t* loop, uv_async_t* handle) { return uv_async_init(loop, handle, AsyncHandle::Entry); },
      [this, env] { Settle(env); });
  mailbox->bell = done.get();
  Group::OfProcess().Open(
      std::move(settings), [mailbox](const std::shared_ptr<Operation>& ended) { mailbox->Put(ended); }, operation);
  done_ = std::move(done);
  mailbox_ = mailbox;
  return Promise(env, operation);
}

napi_value CollectiveCalls::Submit(Napi::Env env, std::shared_ptr<Operation> operation) {
  if (mailbox_ == nullptr) throw Error("ERR_COLLECTIVE", "This thread has not opened the group of ranks");
  const napi_value promise = Promise(env, operation);
  Group::OfProcess().Submit(std::move(operation));
  return promise;
}

napi_value CollectiveCalls::Promise(Napi::Env env, const std::shared_ptr<Operation>& operation) {
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  if (napi_create_promise(env, &deferred, &promise) != napi_ok) throw Error("ERR_NATIVE", "Cannot make a promise");
  pending_.emplace(operation.get(), deferred);
  done_.SetReferenced(true);
  return promise;
}

void CollectiveCalls::Settle(Napi::Env env) {
  Napi::HandleScope handles(env);
  Napi::AsyncContext context(env, "mayfly.collective");
  Napi::CallbackScope callbacks(env, context);
  std::deque<std::shared_ptr<Operation>> ended;
  {
    const std::lock_guard<std::mutex> lock(mailbox_->mutex);
    ended.swap(mailbox_->ended);
  }
  for (const std::shared_ptr<Operation>& operation : ended) {
    const auto found = pending_.find(operation.get());
    const napi_deferred deferred = found->second;
    pending_.erase(found);
    // Where JavaScript can no longer run these do nothing.
    napi_value value = nullptr;
    if (!operation->failure.empty()) {
      value = TryToJs(env, Error("ERR_COLLECTIVE", operation->failure));
      if (value != nullptr) napi_reject_deferred(env, deferred, value);
      continue;
    }
    if (operation->kind == Kind::kExchange) {
      value = MessagesOf(env, *operation);
    } else {
      napi_get_undefined(env, &value);
    }
    if (value != nullptr) napi_resolve_deferred(env, deferred, value);
  }
  if (pending_.empty()) done_.SetReferenced(false);
}

void CollectiveCalls::End() noexcept {
  if (mailbox_ == nullptr) return;
  {
    const std::lock_guard<std::mutex> lock(mailbox_->mutex);
    mailbox_->bell = nullptr;
  }
  mailbox_ = nullptr;
  pending_.clear();
  done_.Close();
  Group::OfProcess().Leave();
}

}  // namespace mayfly
