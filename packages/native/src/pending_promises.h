// Promises of work that other threads do.
#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>
#include <mutex>

#include "event_loop.h"
#include "function_ref.h"

namespace mayfly {

class PendingPromises {
 public:
  // The work of one promise. It ends, and may be destroyed, on any thread: it holds no JavaScript value.
  class Work {
   public:
    virtual ~Work() = default;

   private:
    friend class PendingPromises;
    // Called on the environment's thread once the work has ended. Returns the promise's value, or null where JavaScript
    // can no longer run. The promise is rejected with the exception that it throws.
    virtual napi_value Result(Napi::Env env) = 0;

    napi_deferred deferred_ = nullptr;
    std::shared_ptr<Work> next_;
  };

  // Takes work that has ended from the threads that did it.
  class Mailbox {
   public:
    // False once the environment ends.
    bool is_open();
    void Put(std::shared_ptr<Work> ended) noexcept;

   private:
    friend class PendingPromises;
    std::shared_ptr<Work> TakeAll();

    std::mutex mutex_;
    uv_async_t* bell_ = nullptr;   // guarded by mutex_; null once the environment ends
    std::shared_ptr<Work> first_;  // guarded by mutex_, as is all that follows it
    Work* last_ = nullptr;         // guarded by mutex_
  };

  // `what` ends the message where the event loop refuses to watch; `resource` names the promises to async_hooks. Both
  // live as long as the process.
  PendingPromises(EventLoop* loop, const char* what, const char* resource)
      : loop_(loop), what_(what), resource_(resource) {}
  PendingPromises(const PendingPromises&) = delete;
  PendingPromises& operator=(const PendingPromises&) = delete;
  ~PendingPromises() { End(); }

  // Calls `start`, which hands the work to its thread; that thread puts it into the mailbox once it has ended. The
  // promise keeps the event loop alive until then. What `start` throws is thrown on.
  napi_value Add(Napi::Env env, const std::shared_ptr<Work>& work,
                 FunctionRef<void(const std::shared_ptr<Mailbox>&)> start);

  // No promise is settled any more.
  void End() noexcept;

 private:
  void Settle(Napi::Env env);

  EventLoop* loop_;
  const char* what_;
  const char* resource_;
  AsyncHandle bell_;
  std::shared_ptr<Mailbox> mailbox_;  // null before the first promise and after the end
  size_t pending_ = 0;
};

}  // namespace mayfly
