// The calls of a JavaScript environment to the group of this process, as promises.
#pragma once

#include <napi.h>

#include <memory>
#include <unordered_map>

#include "collective/group.h"
#include "collective/operation.h"
#include "event_loop.h"

namespace mayfly {

class CollectiveCalls {
 public:
  explicit CollectiveCalls(EventLoop* loop) : loop_(loop) {}
  CollectiveCalls(const CollectiveCalls&) = delete;
  CollectiveCalls& operator=(const CollectiveCalls&) = delete;
  ~CollectiveCalls() { End(); }

  // A promise of the end of the operation, for which `Open` joins the group. A promise keeps the event loop alive. It
  // is rejected with ERR_COLLECTIVE; that of kExchange gives the messages, a Uint8Array of each rank.
  napi_value Open(Napi::Env env, Group::Settings settings, std::shared_ptr<Operation> operation);
  napi_value Submit(Napi::Env env, std::shared_ptr<Operation> operation);

  // No promise is settled any more. If this environment has opened the group, it leaves it.
  void End() noexcept;

 private:
  struct Mailbox;

  napi_value Promise(Napi::Env env, const std::shared_ptr<Operation>& operation);
  void Settle(Napi::Env env);

  EventLoop* loop_;
  AsyncHandle done_;
  std::shared_ptr<Mailbox> mailbox_;  // null where this environment has not opened the group, and after the end
  std::unordered_map<Operation*, napi_deferred> pending_;
};

}  // namespace mayfly
