#include "math/host/math_queue.h"

#include <exception>
#include <utility>

#include "math/host/host_pool.h"
#include "parallel/job_queue.h"

namespace mayfly {

struct MathQueue::Job : PendingPromises::Work {
  MathQueue* queue;  // for the environment's thread
  MathQueue::Work work;
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

  napi_value Result(Napi::Env env) override {
    if (timed) queue->spans_.push_back(span);
    if (failure) std::rethrow_exception(failure);
    napi_value result = nullptr;
    if (value) {
      napi_create_double(env, *value, &result);
    } else {
      napi_get_undefined(env, &result);
    }
    return result;
  }
};

napi_value MathQueue::Add(Napi::Env env, const char* name, Work work) {
  const auto job = std::make_shared<Job>();
  job->queue = this;
  job->work = std::move(work);
  job->timed = timed_;
  job->span.name = name;
  return promises_.Add(env, job, [&](const std::shared_ptr<PendingPromises::Mailbox>& mailbox) {
    const auto run = [job, mailbox] {
      if (!mailbox->is_open()) return;
      job->Run();
      mailbox->Put(job);
    };
    JobQueue::Add(run, rank_);
  });
}

}  // namespace mayfly
