// libIOReport, as far as the bridge uses it. MAYFLY_EMULATOR_IOREPORT (engine.h) has the channels: without it the
// library has none.
#include <cstdlib>
#include <sstream>

#include "objc/foundation.h"

#define EXPORT __attribute__((visibility("default")))

namespace mayfly::emulator {
namespace {

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

struct ChannelPlan {
  std::string group, subgroup, name, unit;
  // What the channel gains with each sample; the last goes on.
  std::vector<long> gains;
  // Of a histogram: what each state gains with a sample.
  std::vector<std::pair<std::string, long>> states;
};

std::vector<ChannelPlan> Plans() {
  const char* text = std::getenv("MAYFLY_EMULATOR_IOREPORT");
  std::vector<ChannelPlan> plans;
  for (const std::string& each : Split(text == nullptr ? "" : text, ',')) {
    const std::vector<std::string> parts = Split(each, '|');
    if (parts.size() != 5) Die("MAYFLY_EMULATOR_IOREPORT has a channel without five parts: " + each);
    ChannelPlan plan{parts[0], parts[1], parts[2], parts[3], {}, {}};
    for (const std::string& gain : Split(parts[4], ':')) {
      const size_t equals = gain.find('=');
      if (equals == std::string::npos)
        plan.gains.push_back(std::stol(gain));
      else
        plan.states.emplace_back(gain.substr(0, equals), std::stol(gain.substr(equals + 1)));
    }
    plans.push_back(plan);
  }
  return plans;
}

struct ChannelObject : DictionaryObject {
  ChannelObject(const ChannelPlan& channel_plan, long channel_value, long state_factor)
      : DictionaryObject(nullptr, nullptr, 0), plan(channel_plan), value(channel_value), factor(state_factor) {}
  ChannelPlan plan;
  long value;
  long factor;
};

// A dictionary of channels. It takes over the references.
struct ReportObject : DictionaryObject {
  explicit ReportObject(const std::vector<ChannelObject*>& list)
      : DictionaryObject(nullptr, nullptr, 0), channels(list) {
    std::vector<Object*> objects(list.begin(), list.end());
    Object* array = new ArrayObject(objects.data(), objects.size());
    for (Object* object : objects) Release(object);
    entries.emplace_back(new StringObject("IOReportChannels"), array);
  }
  std::vector<ChannelObject*> channels;
};

struct Subscription {
  long samples = 0;
};

ChannelObject* ChannelOf(Object* object) { return As<ChannelObject>(object, "a channel of IOReport"); }

ReportObject* ReportOf(Object* object) { return As<ReportObject>(object, "a report of IOReport"); }

bool IsRefused(const std::string& group) {
  const char* refused = std::getenv("MAYFLY_EMULATOR_IOREPORT_REFUSES");
  return refused != nullptr && group == refused;
}

long GainedIn(const ChannelPlan& plan, long samples) {
  long sum = 0;
  if (plan.gains.empty()) return 0;
  for (long i = 0; i < samples; ++i) {
    const size_t at = static_cast<size_t>(i);
    sum += plan.gains[at < plan.gains.size() ? at : plan.gains.size() - 1];
  }
  return sum;
}

}  // namespace
}  // namespace mayfly::emulator

using namespace mayfly::emulator;

extern "C" {

EXPORT Object* IOReportCopyChannelsInGroup(Object* group, Object* subgroup, uint64_t, uint64_t, uint64_t) {
  const std::string wanted = As<StringObject>(group, "an NSString as group")->value;
  std::vector<ChannelObject*> channels;
  for (const ChannelPlan& plan : Plans()) {
    const bool is_within = subgroup == nullptr || As<StringObject>(subgroup, "an NSString")->value == plan.subgroup;
    if (plan.group == wanted && is_within) channels.push_back(new ChannelObject(plan, 0, 0));
  }
  return channels.empty() ? nullptr : new ReportObject(channels);
}

EXPORT void* IOReportCreateSubscription(void*, Object* channels, Object** subscribed, uint64_t, Object*) {
  if (IsRefused(ReportOf(channels)->channels.front()->plan.group)) return nullptr;
  *subscribed = Retain(channels);
  return new Subscription();
}

EXPORT Object* IOReportCreateSamples(void* subscription, Object* subscribed, Object*) {
  const long samples = ++static_cast<Subscription*>(subscription)->samples;
  std::vector<ChannelObject*> channels;
  for (const ChannelObject* each : ReportOf(subscribed)->channels)
    channels.push_back(new ChannelObject(each->plan, GainedIn(each->plan, samples), samples));
  return new ReportObject(channels);
}

EXPORT Object* IOReportCreateSamplesDelta(Object* before, Object* after, Object*) {
  const std::vector<ChannelObject*>& from = ReportOf(before)->channels;
  const std::vector<ChannelObject*>& to = ReportOf(after)->channels;
  std::vector<ChannelObject*> channels;
  for (size_t i = 0; i < to.size(); ++i)
    channels.push_back(new ChannelObject(to[i]->plan, to[i]->value - from[i]->value, to[i]->factor - from[i]->factor));
  return new ReportObject(channels);
}

EXPORT Object* IOReportChannelGetChannelName(Object* channel) {
  return Autorelease(new StringObject(ChannelOf(channel)->plan.name));
}

EXPORT Object* IOReportChannelGetUnitLabel(Object* channel) {
  const std::string& unit = ChannelOf(channel)->plan.unit;
  return unit.empty() ? nullptr : Autorelease(new StringObject(unit));
}

EXPORT int64_t IOReportSimpleGetIntegerValue(Object* channel, int32_t) { return ChannelOf(channel)->value; }

EXPORT int32_t IOReportStateGetCount(Object* channel) {
  return static_cast<int32_t>(ChannelOf(channel)->plan.states.size());
}

EXPORT Object* IOReportStateGetNameForIndex(Object* channel, int32_t index) {
  return Autorelease(new StringObject(ChannelOf(channel)->plan.states[static_cast<size_t>(index)].first));
}

EXPORT int64_t IOReportStateGetResidency(Object* channel, int32_t index) {
  const ChannelObject* histogram = ChannelOf(channel);
  return histogram->plan.states[static_cast<size_t>(index)].second * histogram->factor;
}

}  // extern "C"
