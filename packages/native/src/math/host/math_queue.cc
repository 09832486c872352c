#include "math/host/math_queue.h"

#include <exception>
#include <mutex>
#include <utility>

#include "error.h"
#include "math/host/host_pool.h"
#include "napi_error.h"
#include "parallel/job_queue.h"

namespace mayfly {

struct MathQueue::Job {
  Work work;
  bool timed = false;
  Span span{};
  std::optional<double> value;
  std::exception_ptr failure;

  void Run() noexcept {
    if (timed) span.began = Clock::now();
    try {
      HostPool::OfQueue().Use([&](ThreadPool& pool) { value = work(pool); });
    } catch (...) {
      failure = std::current_exception();
    }
    work = nullptr;
    if (timed) span.ended = Clock::now();
  }
};

// Where the queue's thread tells the event loop of jobs that have ended.
struct MathQueue::Mailbox {
  std::mutex mutex;
  uv_async_t* bell = nullptr;  // guarded by mutex; null once the environment ends
  size_t ended = 0;            // guarded by mutex

  bool is_open() {
    const std::lock_guard<std::mutex> lock(mutex);
    return bell != nullptr;
  }

  void Ring() {
    const std::lock_guard<std::mutex> lock(mutex);
    ++ended;
    if (bell != nullptr) uv_async_send(bell);
  }

  size_t TakeEnded() {
    const std::lock_guard<std::mutex> lock(mutex);
    return std::exchange(ended, 0);
  }
};

void MathQueue::Listen(Napi::Env env) {
  if (mailbox_ != nullptr) return;
  done_ = AsyncHandle(
      loop_, "ERR_NATIVE", "for the ends of host math",
      [](uv_loop_t* loop, uv_async_t* handle) { return uv_async_init(loop, handle, AsyncHandle::Entry); },
      [this, env] { Settle(env); });
  mailbox_ = std::make_shared<Mailbox>();
  mailbox_->bell = done_.get();
}

napi_value MathQueue::Add(Napi::Env env, const char* name, Work work) {
  Listen(env);
  auto job = std::make_shared<Job>();
  job->work = std::move(work);
  job->timed = timed_;
  job->span.name = name;
  Pending pending{nullptr, job};
  napi_value promise = nullptr;
  if (napi_create_promise(env, &pending.deferred, &promise) != napi_ok) {
    throw Error("ERR_NATIVE", "Cannot make a promise");
  }
  pending_.push_back(pending);
  try {
    JobQueue::Add([job = std::move(job), mailbox = mailbox_] {
      if (!mailbox->is_open()) return;
      job->Run();
      mailbox->Ring();
    });
  } catch (...) {
    pending_.pop_back();
    throw;
  }
  done_.SetReferenced(true);
  return promise;
}

void MathQueue::Settle(Napi::Env env) {
  Napi::HandleScope handles(env);
  Napi::AsyncContext context(env, "mayfly.math");
  Napi::CallbackScope callbacks(env, context);
  for (size_t left = mailbox_->TakeEnded(); left > 0; --left) {
    const Pending pending = std::move(pending_.front());
    pending_.pop_front();
    const Job& job = *pending.job;
    if (job.timed) spans_.push_back(job.span);
    // Where JavaScript can no longer run these do nothing.
    if (job.failure) {
      if (const napi_value error = TryToJs(env, job.failure)) napi_reject_deferred(env, pending.deferred, error);
      continue;
    }
    napi_value value = nullptr;
    const napi_status made = job.value ? napi_create_double(env, *job.value, &value) : napi_get_undefined(env, &value);
    if (made == napi_ok) napi_resolve_deferred(env, pending.deferred, value);
  }
  if (pending_.empty()) done_.SetReferenced(false);
}

void MathQueue::End() noexcept {
  if (mailbox_ == nullptr) return;
  {
    const std::lock_guard<std::mutex> lock(mailbox_->mutex);
    mailbox_->bell = nullptr;
  }
  mailbox_ = nullptr;
  pending_.clear();
  done_.Close();
}

}  // namespace mayfly
