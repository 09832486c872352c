// One call of a group of ranks, from JavaScript to its end.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shm/arena.h"

namespace mayfly {

// kClose ends the group on a rank that has finished, kGiveUp on one whose call was cancelled or came too late.
enum class Kind : uint32_t {
  kOpen,
  kAllReduce,
  kReduce,
  kAllGather,
  kBroadcast,
  kBarrier,
  kExchange,
  kClose,
  kGiveUp,
};

struct Operation {
  struct Range {
    uint8_t* data;
    uint64_t bytes;
  };

  Kind kind = Kind::kBarrier;
  std::shared_ptr<Arena> arena;  // that the ranges lie in
  std::vector<Range> ranges;     // one; of kAllGather one for each rank
  int root = 0;                  // of kReduce, the owner
  std::vector<uint8_t> message;  // of kExchange
  std::chrono::nanoseconds timeout = std::chrono::nanoseconds::max();

  // The group's thread writes these.
  std::vector<int> sizes;         // of the messages of kExchange, by rank
  std::vector<uint8_t> messages;  // of kExchange, one behind the other
  std::string failure;            // why it failed; empty if it did not
  bool settled = false;           // the caller knows how it ended; the memory may still be in use

  // Of all ranges or of the message.
  uint64_t bytes() const;
  // "allReduce of 400 bytes", for messages.
  std::string Describe() const;
};

const char* NameOf(Kind kind);

}  // namespace mayfly
