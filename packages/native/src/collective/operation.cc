#include "collective/operation.h"

namespace mayfly {

uint64_t Operation::bytes() const {
  uint64_t sum = message.size();
  for (const Range& range : ranges) sum += range.bytes;
  return sum;
}

std::string Operation::Describe() const {
  const std::string name = NameOf(kind);
  if (kind == Kind::kBarrier || kind >= Kind::kClose) return name;
  return name + " of " + std::to_string(bytes()) + " bytes";
}

const char* NameOf(Kind kind) {
  switch (kind) {
    case Kind::kOpen: return "open";
    case Kind::kAllReduce: return "allReduce";
    case Kind::kReduce: return "reduce";
    case Kind::kAllGather: return "allGather";
    case Kind::kBroadcast: return "broadcast";
    case Kind::kBarrier: return "barrier";
    case Kind::kExchange: return "exchange";
    case Kind::kClose: return "close";
    case Kind::kGiveUp: return "giveUp";
  }
  return "unknown";
}

}  // namespace mayfly
