// Compiled for size: its functions run seldom.
#ifndef __clang__
#pragma GCC optimize("Os")
#endif

#include "ane/energy_meter.h"

#include <algorithm>
#include <cctype>
#include <mutex>
#include <string_view>
#include <thread>

#include "ane/foundation.h"
#include "error.h"
#include "number_text.h"

namespace mayfly::ane {
namespace {

using Channels = std::vector<ReportChannel>;
using Joules = std::vector<std::pair<std::string, double>>;
using std::chrono::steady_clock;

// Between the two samples that tell whether a group can be read.
constexpr std::chrono::milliseconds kTrial{10};

bool EndsWith(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

bool StartsWith(std::string_view text, std::string_view start) { return text.compare(0, start.size(), start) == 0; }

// `ANE`, `ANE0`, `ANE0_1`; not `ANE0_SRAM`.
bool IsDie(const std::string& name) {
  return StartsWith(name, "ANE") && std::all_of(name.begin() + 3, name.end(), [](unsigned char letter) {
           return std::isdigit(letter) != 0 || letter == '_';
         });
}

std::optional<double> JoulesOf(const std::string& unit) {
  if (unit == "J") return 1;
  if (unit == "mJ") return 1e-3;
  if (unit == "uJ" || unit == "µJ") return 1e-6;
  if (unit == "nJ") return 1e-9;
  return std::nullopt;
}

// A channel without a known unit is left out, and one whose name begins another's, which may be their sum.
std::optional<Joules> EnergyIn(const Channels& channels) {
  Joules all;
  for (const ReportChannel& channel : channels) {
    const std::string name = channel.Name();
    if (!IsDie(name)) continue;
    const std::optional<double> joules = JoulesOf(channel.Unit());
    if (!joules) continue;
    const int64_t value = channel.Value();
    // The least integer stands for a channel that does not count.
    if (value < 0) return std::nullopt;
    all.emplace_back(name, static_cast<double>(value) * *joules);
  }
  Joules dies;
  for (const auto& [name, joules] : all) {
    const bool is_sum = std::any_of(all.begin(), all.end(), [&name = name](const auto& other) {
      return other.first.size() > name.size() && StartsWith(other.first, name);
    });
    if (!is_sum) dies.emplace_back(name, joules);
  }
  if (dies.empty()) return std::nullopt;
  return dies;
}

// `DIE0 ANE DCS RD` as `ANE DCS RD`.
std::string WithoutDie(const std::string& name) {
  if (!StartsWith(name, "DIE")) return name;
  const size_t blank = name.find(' ');
  return blank == std::string::npos ? name : name.substr(blank + 1);
}

void Add(std::optional<double>* sum, double value) { *sum = sum->value_or(0) + value; }

std::optional<MemoryTraffic> Traffic(const std::optional<double>& aggregate, const std::optional<double>& parts,
                                     const std::optional<double>& ane) {
  if (aggregate) return MemoryTraffic{*aggregate, ane};
  if (parts) return MemoryTraffic{*parts, ane};
  return std::nullopt;
}

// Channels of bytes. `DCS RD` and `DCS WR` are sums of all requestors, as `ANE DCS RD` is one; `DCS F1 RD` and
// `… RT DCS RD` are parts of those.
std::optional<MemoryTraffic> BytesOfRequestors(const Channels& channels, double) {
  std::optional<double> aggregate, parts, ane;
  for (const ReportChannel& channel : channels) {
    const std::string name = WithoutDie(channel.Name());
    const bool is_aggregate = name == "DCS RD" || name == "DCS WR";
    const bool is_part =
        (EndsWith(name, " DCS RD") || EndsWith(name, " DCS WR")) && name.find("RT ") == std::string::npos;
    if (!is_aggregate && !is_part) continue;
    const int64_t value = channel.Value();
    if (value < 0) return std::nullopt;
    Add(is_aggregate ? &aggregate : &parts, static_cast<double>(value));
    if (is_part && StartsWith(name, "ANE")) Add(&ane, static_cast<double>(value));
  }
  return Traffic(aggregate, parts, ane);
}

// Channels of bytes by the memory's frequency: `F1 RD`, `F1 WR`, ….
std::optional<MemoryTraffic> BytesOfFrequencies(const Channels& channels, double) {
  std::optional<double> sum;
  for (const ReportChannel& channel : channels) {
    const std::string name = channel.Name();
    if (!EndsWith(name, " RD") && !EndsWith(name, " WR")) continue;
    const int64_t value = channel.Value();
    if (value < 0) return std::nullopt;
    Add(&sum, static_cast<double>(value));
  }
  return Traffic(sum, std::nullopt, std::nullopt);
}

constexpr std::string_view kGigabytes = "GB/s";

// The mean of the rates that a histogram has the time for, in bytes per second. States are `16GB/s`.
std::optional<double> MeanRate(const ReportChannel& channel) {
  double ticks = 0, sum = 0;
  for (const auto& [state, residency] : channel.States()) {
    if (!EndsWith(state, kGigabytes)) continue;
    const std::optional<double> rate = ReadNumber(state.substr(0, state.size() - kGigabytes.size()));
    if (!rate) continue;
    if (residency < 0) return std::nullopt;
    ticks += static_cast<double>(residency);
    sum += static_cast<double>(residency) * *rate * 1e9;
  }
  if (ticks == 0) return std::nullopt;
  return sum / ticks;
}

// Histograms of rates. `AMCC` is the memory controller; all others are requestors.
std::optional<MemoryTraffic> BytesOfRates(const Channels& channels, double seconds) {
  std::optional<double> aggregate, parts, ane;
  for (const ReportChannel& channel : channels) {
    const std::string name = WithoutDie(channel.Name());
    if (!EndsWith(name, " RD+WR")) continue;
    const std::optional<double> rate = MeanRate(channel);
    if (!rate) continue;
    Add(StartsWith(name, "AMCC") ? &aggregate : &parts, *rate * seconds);
    if (StartsWith(name, "ANE")) Add(&ane, *rate * seconds);
  }
  return Traffic(aggregate, parts, ane);
}

double SecondsBetween(steady_clock::time_point from, steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

using ReadTraffic = std::optional<MemoryTraffic> (*)(const Channels&, double seconds);

// The groups of channels that this system lets be read.
struct Sources {
  std::optional<ReportSubscription> energy;
  std::vector<std::string> dies;
  std::optional<ReportSubscription> memory;
  std::string memory_name;
  ReadTraffic traffic = nullptr;
  // The first reason that a group is not read.
  std::string fault;

  static const Sources& Get() {
    // Never destroyed: subscriptions have no end.
    static const Sources* const sources = new Sources();
    return *sources;
  }

 private:
  Sources() {
    for (const char* group : {"Energy Model", "Energy Counters"}) {
      if (energy) break;
      Try(group, "", [&](ReportSubscription subscription, const Channels& channels, double) {
        const auto joules = EnergyIn(channels);
        if (!joules) return false;
        for (const auto& die : *joules) dies.push_back(die.first);
        energy.emplace(std::move(subscription));
        return true;
      });
    }
    TryMemory("AMC Stats", "", BytesOfRequestors);
    for (const char* group : {"PMP", "PMP0", "PMP1"}) {
      TryMemory(group, "DRAM BW", BytesOfFrequencies);
      TryMemory(group, "DCS BW", BytesOfRates);
    }
  }

  void TryMemory(const std::string& group, const std::string& subgroup, ReadTraffic read) {
    if (memory) return;
    Try(group, subgroup, [&](ReportSubscription subscription, const Channels& channels, double seconds) {
      if (!read(channels, seconds)) return false;
      memory.emplace(std::move(subscription));
      memory_name = subgroup.empty() ? group : group + "/" + subgroup;
      traffic = read;
      return true;
    });
  }

  // Calls `take`, which says whether it can read them, with what a group's channels counted for a moment.
  template <typename Take>
  void Try(const std::string& group, const std::string& subgroup, const Take& take) {
    try {
      const AutoreleasePool pool;
      ReportSubscription subscription(group, subgroup);
      const Owned before = subscription.Sample();
      const auto at = steady_clock::now();
      std::this_thread::sleep_for(kTrial);
      const Owned after = subscription.Sample();
      const Owned change = subscription.Change(before, after);
      const Channels channels = ReportSubscription::ChannelsOf(change);
      const bool taken = take(std::move(subscription), channels, SecondsBetween(at, steady_clock::now()));
      if (!taken) throw Error("ERR_DEVICE_UNAVAILABLE", "No channel of " + group + " counts energy or memory readably");
    } catch (const std::exception& error) {
      if (fault.empty()) fault = error.what();
    }
  }
};

// Nothing tells whether one subscription may be sampled by several threads at once.
std::mutex& SamplingMutex() {
  static auto* const mutex = new std::mutex();
  return *mutex;
}

}  // namespace

EnergyMeter::EnergyMeter() {
  // Throws where there is no Objective-C runtime, and so no IOReport.
  const AutoreleasePool pool;
  const Sources& sources = Sources::Get();
  if (!sources.energy && !sources.memory) throw Error("ERR_DEVICE_UNAVAILABLE", sources.fault);
  last_ = Take();
}

EnergyMeter::Samples EnergyMeter::Take() {
  const Sources& sources = Sources::Get();
  const std::lock_guard<std::mutex> lock(SamplingMutex());
  Samples samples;
  if (sources.energy) samples.energy = sources.energy->Sample();
  if (sources.memory) samples.memory = sources.memory->Sample();
  samples.at = steady_clock::now();
  return samples;
}

EnergyReading EnergyMeter::Read() {
  const AutoreleasePool pool;
  const Sources& sources = Sources::Get();
  Samples now = Take();
  EnergyReading reading{SecondsBetween(last_.at, now.at), std::nullopt, std::nullopt};
  if (sources.energy) {
    const Owned change = sources.energy->Change(*last_.energy, *now.energy);
    reading.joules = EnergyIn(ReportSubscription::ChannelsOf(change));
  }
  if (sources.memory) {
    const Owned change = sources.memory->Change(*last_.memory, *now.memory);
    reading.memory = sources.traffic(ReportSubscription::ChannelsOf(change), reading.seconds);
  }
  last_ = std::move(now);
  return reading;
}

std::vector<std::string> EnergyMeter::Dies() const { return Sources::Get().dies; }

std::string EnergyMeter::MemorySource() const { return Sources::Get().memory_name; }

}  // namespace mayfly::ane
