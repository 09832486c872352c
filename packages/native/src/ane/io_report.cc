// Compiled for size: its functions run seldom.
#ifndef __clang__
#pragma GCC optimize("Os")
#endif

#include "ane/io_report.h"

#include <dlfcn.h>

#include <cstdlib>

#include "ane/foundation.h"
#include "error.h"

namespace mayfly::ane {
namespace {

struct Library {
  Id (*copy_channels)(Id group, Id subgroup, uint64_t, uint64_t, uint64_t);
  void* (*subscribe)(void*, Id channels, Id* subscribed, uint64_t, Id);
  Id (*sample)(void* subscription, Id subscribed, Id);
  Id (*change)(Id before, Id after, Id);
  Id (*name)(Id channel);
  Id (*unit)(Id channel);
  int64_t (*value)(Id channel, int32_t);
  int32_t (*state_count)(Id channel);
  Id (*state_name)(Id channel, int32_t index);
  int64_t (*residency)(Id channel, int32_t index);

  // Throws ERR_DEVICE_UNAVAILABLE.
  static const Library& Get() {
    static const Library library;
    return library;
  }

 private:
  Library() {
    void* opened = nullptr;
#ifdef __APPLE__
    // The file may exist in the system's cache alone, where dlopen finds it.
    if (std::getenv("MAYFLY_ANE_RUNTIME") == nullptr) opened = dlopen("/usr/lib/libIOReport.dylib", RTLD_NOW);
#endif
    const auto resolve = [opened](auto* function, const char* symbol) {
      void* found = ObjcRuntime::Get().FindSymbol(symbol);
      if (found == nullptr && opened != nullptr) found = dlsym(opened, symbol);
      if (found == nullptr) throw Error("ERR_DEVICE_UNAVAILABLE", std::string("This system does not export ") + symbol);
      *function = reinterpret_cast<std::remove_pointer_t<decltype(function)>>(found);
    };
    resolve(&copy_channels, "IOReportCopyChannelsInGroup");
    resolve(&subscribe, "IOReportCreateSubscription");
    resolve(&sample, "IOReportCreateSamples");
    resolve(&change, "IOReportCreateSamplesDelta");
    resolve(&name, "IOReportChannelGetChannelName");
    resolve(&unit, "IOReportChannelGetUnitLabel");
    resolve(&value, "IOReportSimpleGetIntegerValue");
    resolve(&state_count, "IOReportStateGetCount");
    resolve(&state_name, "IOReportStateGetNameForIndex");
    resolve(&residency, "IOReportStateGetResidency");
  }
};

// Calls a function of the library, whose exceptions must not unwind through this addon.
template <typename Function, typename... Arguments>
auto Call(Function Library::* function, const char* symbol, Arguments... arguments) {
  const Function called = Library::Get().*function;
  try {
    return called(arguments...);
  } catch (...) {
    ThrowCaught(symbol);
  }
}

std::string WithoutBlanks(const std::string& text) {
  const size_t from = text.find_first_not_of(' ');
  return from == std::string::npos ? "" : text.substr(from, text.find_last_not_of(' ') - from + 1);
}

Owned AdoptSome(Id object, const char* symbol) {
  if (object == nullptr) throw Error("ERR_DEVICE_UNAVAILABLE", std::string(symbol) + " gave nothing");
  return Owned::Adopt(object);
}

}  // namespace

std::string ReportChannel::Name() const {
  return WithoutBlanks(Utf8(Call(&Library::name, "IOReportChannelGetChannelName", channel_)));
}

std::string ReportChannel::Unit() const {
  return WithoutBlanks(Utf8(Call(&Library::unit, "IOReportChannelGetUnitLabel", channel_)));
}

int64_t ReportChannel::Value() const {
  return Call(&Library::value, "IOReportSimpleGetIntegerValue", channel_, int32_t{0});
}

std::vector<std::pair<std::string, int64_t>> ReportChannel::States() const {
  std::vector<std::pair<std::string, int64_t>> states;
  const int32_t count = Call(&Library::state_count, "IOReportStateGetCount", channel_);
  for (int32_t i = 0; i < count; ++i) {
    states.emplace_back(WithoutBlanks(Utf8(Call(&Library::state_name, "IOReportStateGetNameForIndex", channel_, i))),
                        Call(&Library::residency, "IOReportStateGetResidency", channel_, i));
  }
  return states;
}

ReportSubscription::ReportSubscription(const std::string& group, const std::string& subgroup) {
  const AutoreleasePool pool;
  const std::string place = subgroup.empty() ? group : group + "/" + subgroup;
  const Id subgroup_name = subgroup.empty() ? nullptr : String(subgroup);
  const Owned wanted = Owned::Adopt(Call(&Library::copy_channels, "IOReportCopyChannelsInGroup", String(group),
                                         subgroup_name, uint64_t{0}, uint64_t{0}, uint64_t{0}));
  if (wanted.get() == nullptr) throw Error("ERR_DEVICE_UNAVAILABLE", "IOReport has no channels " + place);
  Id subscribed = nullptr;
  subscription_ = Call(&Library::subscribe, "IOReportCreateSubscription", static_cast<void*>(nullptr), wanted.get(),
                       &subscribed, uint64_t{0}, static_cast<Id>(nullptr));
  channels_ = Owned::Adopt(subscribed);
  if (subscription_ == nullptr || subscribed == nullptr)
    throw Error("ERR_DEVICE_UNAVAILABLE", "IOReport refuses a subscription to " + place);
}

Owned ReportSubscription::Sample() const {
  return AdoptSome(Call(&Library::sample, "IOReportCreateSamples", subscription_, channels_.get(), Id{nullptr}),
                   "IOReportCreateSamples");
}

Owned ReportSubscription::Change(const Owned& before, const Owned& after) const {
  return AdoptSome(Call(&Library::change, "IOReportCreateSamplesDelta", before.get(), after.get(), Id{nullptr}),
                   "IOReportCreateSamplesDelta");
}

std::vector<ReportChannel> ReportSubscription::ChannelsOf(const Owned& change) {
  std::vector<ReportChannel> channels;
  const Id list = Find(change.get(), "IOReportChannels");
  if (list == nullptr) return channels;
  const auto count = Send<unsigned long>(list, "count");
  for (unsigned long i = 0; i < count; ++i) channels.emplace_back(Send(list, "objectAtIndex:", i));
  return channels;
}

}  // namespace mayfly::ane
