// The libuv handles of one JavaScript environment. libuv uses a handle until its close callback, which comes an
// iteration of the loop later. The EventLoop owns the handles until then, even where the environment ends before the
// objects that made them.
#pragma once

#include <uv.h>

#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

namespace mayfly {

class EventLoop {
 public:
  // `on_failure` gets the message of an exception that a handle's callback threw: none unwinds through libuv's frames.
  EventLoop(uv_loop_t* loop, std::function<void(const char* message)> on_failure)
      : loop_(loop), on_failure_(std::move(on_failure)) {}
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Throws an Error of `code` that says that libuv refused, with this status, to watch `what`.
  [[noreturn]] static void Refuse(const char* code, const char* what, int status);

  // Closes every handle; none of their callbacks runs any more. Calls `closed` once libuv has finished with the last
  // one, within this call if there is none.
  void End(std::function<void()> closed);

  // Runs `body`; what it throws goes to `on_failure`.
  template <typename Body>
  void Run(const Body& body) const noexcept {
    try {
      body();
    } catch (const std::exception& error) {
      on_failure_(error.what());
    } catch (...) {
      on_failure_("an exception of unknown type");
    }
  }

 private:
  template <typename Raw, typename... Arguments>
  friend class LoopHandle;

  struct Cell {
    EventLoop* loop;
    uv_handle_t* handle;
    bool open = true;
    virtual ~Cell() = default;
  };

  void Keep(std::shared_ptr<Cell> cell) { cells_.emplace(cell.get(), std::move(cell)); }
  // The same for a handle that libuv did not take.
  [[noreturn]] void Refuse(Cell* cell, const char* code, const char* what, int status) {
    cell->open = false;
    cells_.erase(cell);
    Refuse(code, what, status);
  }
  static void Close(Cell* cell);

  uv_loop_t* loop_;
  std::function<void(const char*)> on_failure_;
  // The handles that libuv may still use.
  std::unordered_map<Cell*, std::shared_ptr<Cell>> cells_;
  std::function<void()> closed_;
};

// A handle of a loop, or none. The destructor closes it; once closed, it does not call `body` any more. It keeps the
// loop alive unless it is unreferenced.
template <typename Raw, typename... Arguments>
class LoopHandle {
 public:
  LoopHandle() = default;
  // `initialize` calls libuv's initializing function and returns its status. Throws an Error of `code` that names
  // `what` where the status is not 0.
  template <typename Initialize>
  LoopHandle(EventLoop* loop, const char* code, const char* what, const Initialize& initialize,
             std::function<void(Arguments...)> body)
      : cell_(std::make_shared<Cell>()) {
    cell_->loop = loop;
    cell_->handle = reinterpret_cast<uv_handle_t*>(&cell_->raw);
    cell_->body = std::move(body);
    cell_->raw.data = static_cast<EventLoop::Cell*>(cell_.get());
    loop->Keep(cell_);
    const int status = initialize(loop->loop_, &cell_->raw);
    if (status != 0) loop->Refuse(cell_.get(), code, what, status);
  }
  LoopHandle(LoopHandle&& other) noexcept : cell_(std::move(other.cell_)) {}
  LoopHandle& operator=(LoopHandle&& other) noexcept {
    std::swap(cell_, other.cell_);
    return *this;
  }
  ~LoopHandle() { Close(); }

  bool is_open() const { return cell_ != nullptr && cell_->open; }
  Raw* get() const { return &cell_->raw; }
  void SetReferenced(bool referenced) const {
    if (!is_open()) return;
    if (referenced)
      uv_ref(cell_->handle);
    else
      uv_unref(cell_->handle);
  }
  void Close() {
    if (is_open()) EventLoop::Close(cell_.get());
    cell_ = nullptr;
  }

  // The callback for libuv.
  static void Entry(Raw* raw, Arguments... arguments) noexcept {
    auto* cell = static_cast<Cell*>(static_cast<EventLoop::Cell*>(raw->data));
    if (cell->open) cell->loop->Run([&] { cell->body(arguments...); });
  }

 private:
  struct Cell : EventLoop::Cell {
    Raw raw{};
    std::function<void(Arguments...)> body;
  };

  std::shared_ptr<Cell> cell_;
};

using PollHandle = LoopHandle<uv_poll_t, int, int>;
using PrepareHandle = LoopHandle<uv_prepare_t>;
using IdleHandle = LoopHandle<uv_idle_t>;
using SignalHandle = LoopHandle<uv_signal_t, int>;
using AsyncHandle = LoopHandle<uv_async_t>;

}  // namespace mayfly
