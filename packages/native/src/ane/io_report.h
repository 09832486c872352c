// The system's counters through libIOReport, which has no header: names and signatures are those of the public programs
// that docs/internals/ane.md names. Strings, arrays and dictionaries of Core Foundation are Objective-C objects.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ane/objc_runtime.h"

namespace mayfly::ane {

// A counter of a group of channels, valid while the autorelease pool around it lives.
class ReportChannel {
 public:
  explicit ReportChannel(Id channel) : channel_(channel) {}

  std::string Name() const;
  // `mJ`, without blanks; empty if it has none.
  std::string Unit() const;
  // The increase between two samples.
  int64_t Value() const;
  // Of a histogram: the name of each state, and the time spent in it in ticks.
  std::vector<std::pair<std::string, int64_t>> States() const;

 private:
  Id channel_;
};

// A subscription to the channels of a group. It is never ended: nothing tells how.
class ReportSubscription {
 public:
  // `subgroup` may be empty. Throws ERR_DEVICE_UNAVAILABLE without the library, without such channels, or where the
  // system refuses the subscription.
  ReportSubscription(const std::string& group, const std::string& subgroup);

  Owned Sample() const;
  // What changed from one sample to a later one.
  Owned Change(const Owned& before, const Owned& after) const;
  // The channels of a change.
  static std::vector<ReportChannel> ChannelsOf(const Owned& change);

 private:
  void* subscription_;
  Owned channels_;
};

}  // namespace mayfly::ane
