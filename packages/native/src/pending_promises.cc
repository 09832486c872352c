#include "pending_promises.h"

#include <exception>
#include <utility>

#include "error.h"
#include "napi_error.h"

namespace mayfly {

bool PendingPromises::Mailbox::is_open() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return bell_ != nullptr;
}

void PendingPromises::Mailbox::Put(std::shared_ptr<Work> ended) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (bell_ == nullptr) return;
  Work* const last = ended.get();
  (first_ == nullptr ? first_ : last_->next_) = std::move(ended);
  last_ = last;
  uv_async_send(bell_);
}

std::shared_ptr<PendingPromises::Work> PendingPromises::Mailbox::TakeAll() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::exchange(first_, nullptr);
}

napi_value PendingPromises::Add(Napi::Env env, const std::shared_ptr<Work>& work,
                                FunctionRef<void(const std::shared_ptr<Mailbox>&)> start) {
  if (mailbox_ == nullptr) {
    bell_ = AsyncHandle(
        loop_, "ERR_NATIVE", what_,
        [](uv_loop_t* loop, uv_async_t* handle) { return uv_async_init(loop, handle, AsyncHandle::Entry); },
        [this, env] { Settle(env); });
    bell_.SetReferenced(false);
    mailbox_ = std::make_shared<Mailbox>();
    mailbox_->bell_ = bell_.get();
  }
  napi_value promise = nullptr;
  if (napi_create_promise(env, &work->deferred_, &promise) != napi_ok) {
    throw Error("ERR_NATIVE", "Cannot make a promise");
  }
  start(mailbox_);
  if (pending_++ == 0) bell_.SetReferenced(true);
  return promise;
}

void PendingPromises::Settle(Napi::Env env) {
  Napi::HandleScope handles(env);
  Napi::AsyncContext context(env, resource_);
  Napi::CallbackScope callbacks(env, context);
  for (std::shared_ptr<Work> work = mailbox_->TakeAll(); work != nullptr; work = std::move(work->next_)) {
    --pending_;
    napi_value value = nullptr, error = nullptr;
    try {
      value = work->Result(env);
    } catch (...) {
      error = TryToJs(env, std::current_exception());
    }
    // Where JavaScript can no longer run these do nothing.
    if (error != nullptr) {
      napi_reject_deferred(env, work->deferred_, error);
    } else if (value != nullptr) {
      napi_resolve_deferred(env, work->deferred_, value);
    }
  }
  if (pending_ == 0) bell_.SetReferenced(false);
}

void PendingPromises::End() noexcept {
  if (mailbox_ == nullptr) return;
  std::shared_ptr<Work> work;
  {
    const std::lock_guard<std::mutex> lock(mailbox_->mutex_);
    mailbox_->bell_ = nullptr;
    work = std::exchange(mailbox_->first_, nullptr);
  }
  // One by one: their destructors would nest.
  while (work != nullptr) work = std::move(work->next_);
  mailbox_ = nullptr;
  pending_ = 0;
  bell_.Close();
}

}  // namespace mayfly
