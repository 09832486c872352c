#include "event_loop.h"

#include <string>

#include "error.h"

namespace mayfly {

void EventLoop::End(std::function<void()> closed) {
  closed_ = std::move(closed);
  for (const auto& [cell, kept] : cells_) Close(cell);
  if (cells_.empty()) std::exchange(closed_, nullptr)();
}

void EventLoop::Refuse(const char* code, const char* what, int status) {
  throw Error(code, std::string("Cannot watch ") + what + " in the event loop: " + uv_strerror(status));
}

void EventLoop::Close(Cell* cell) {
  if (!cell->open) return;
  cell->open = false;
  uv_close(cell->handle, [](uv_handle_t* handle) {
    auto* closed = static_cast<Cell*>(handle->data);
    EventLoop* const loop = closed->loop;
    loop->cells_.erase(closed);
    if (loop->cells_.empty() && loop->closed_) std::exchange(loop->closed_, nullptr)();
  });
}

}  // namespace mayfly
