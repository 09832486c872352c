// The libuv handles of a connection. libuv lets go of a handle only in its close callback, which may come after the
// connection is gone.
#pragma once

#include <uv.h>

namespace mayfly {

class Connection;

struct Watches {
  uv_poll_t socket;
  uv_poll_t bell;
  uv_poll_t alarm;
  // `look` looks for answers before each poll of the loop, `awake` keeps the loop from blocking in it meanwhile.
  uv_prepare_t look;
  uv_idle_t awake;
  // Null once it is closed.
  Connection* owner;
  bool in_turn = false;
  int open = 0;

  // Of an initialized handle. It does not keep the loop alive.
  template <typename Handle>
  void Add(Handle* handle) {
    handle->data = this;
    uv_unref(reinterpret_cast<uv_handle_t*>(handle));
    ++open;
  }

  template <typename Handle>
  void Close(Handle* handle) {
    uv_close(reinterpret_cast<uv_handle_t*>(handle), [](uv_handle_t* closed) {
      auto* watches = static_cast<Watches*>(closed->data);
      if (--watches->open == 0) delete watches;
    });
  }

  // The connection that a handle of it belongs to; null once it is closed.
  template <typename Handle>
  static Connection* OwnerOf(Handle* handle) {
    return static_cast<Watches*>(handle->data)->owner;
  }
};

}  // namespace mayfly
