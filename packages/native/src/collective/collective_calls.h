// The calls of a JavaScript environment to the group of this process, as promises.
#pragma once

#include <napi.h>

#include "collective/group.h"
#include "collective/operation.h"
#include "event_loop.h"
#include "pending_promises.h"

namespace mayfly {

class CollectiveCalls {
 public:
  explicit CollectiveCalls(EventLoop* loop)
      : promises_(loop, "for the ends of collective operations", "mayfly.collective") {}
  CollectiveCalls(const CollectiveCalls&) = delete;
  CollectiveCalls& operator=(const CollectiveCalls&) = delete;
  ~CollectiveCalls() { End(); }

  // A promise of the end of the operation, for which `Open` joins the group. A promise keeps the event loop alive. It
  // is rejected with ERR_COLLECTIVE; that of kExchange gives the messages, a Uint8Array of each rank.
  napi_value Open(Napi::Env env, Group::Settings settings, Operation operation);
  napi_value Submit(Napi::Env env, Operation operation);

  // No promise is settled any more. If this environment has opened the group, it leaves it.
  void End() noexcept;

 private:
  struct Call;

  PendingPromises promises_;
  bool has_opened_ = false;  // this environment, and it has not ended
};

}  // namespace mayfly
