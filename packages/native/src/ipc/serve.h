// The worker's end of a frame socket: answers dispatches until a control message comes. Blocks its thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "device/session.h"
#include "ipc/frame.h"

namespace mayfly {

class ServeLoop {
 public:
  // Takes the descriptor over.
  ServeLoop(int fd, std::shared_ptr<DeviceSession> session);
  ~ServeLoop();
  ServeLoop(const ServeLoop&) = delete;
  ServeLoop& operator=(const ServeLoop&) = delete;

  // False at the end of the stream: the parent closed it or died. Throws ERR_FRAME.
  bool Serve(std::vector<uint8_t>* control);
  void Send(const uint8_t* payload, size_t bytes);

 private:
  void Answer(const Frame& dispatch, const uint8_t* payload);
  void Write(const Frame& frame, const void* payload);

  int fd_;
  std::shared_ptr<DeviceSession> session_;
  FrameReader reader_;
  std::vector<uint64_t> offsets_;
  std::vector<uint8_t> out_;
};

}  // namespace mayfly
