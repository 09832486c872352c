#include "shm/available_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <limits>
#include <string>
#include <vector>

#include "owned_fd.h"

namespace mayfly {
namespace {

constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

// The text of a file, empty if it cannot be read. A std::ifstream would not be close-on-exec.
std::string TextOf(const std::string& path) {
  std::string text;
  const OwnedFd file = OpenFile(path.c_str(), O_RDONLY);
  for (char part[4096]; file;) {
    const ssize_t got = read(file.get(), part, sizeof part);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(part, static_cast<size_t>(got));
  }
  return text;
}

std::vector<std::string> LinesOf(const std::string& path) {
  const std::string text = TextOf(path);
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

// The number that a text begins with, or `otherwise`.
uint64_t LeadingNumber(const std::string& text, uint64_t otherwise) {
  const size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  uint64_t value = 0;
  const auto [_, error] = std::from_chars(text.data() + begin, text.data() + text.size(), value);
  return error == std::errc() ? value : otherwise;
}

// The number after `key` in a file of "key number" lines, or `otherwise`.
uint64_t Field(const std::string& file, const std::string& key, uint64_t otherwise) {
  for (const std::string& line : LinesOf(file)) {
    const size_t end = line.find_first_of(" \t");
    if (end != std::string::npos && line.compare(0, end, key) == 0) return LeadingNumber(line.substr(end), otherwise);
  }
  return otherwise;
}

// The number in a file; no limit for "max" and for a file that does not exist.
uint64_t Number(const std::string& file) { return LeadingNumber(TextOf(file), kUnlimited); }

// The two versions of the cgroup interface differ in names only.
struct CgroupFiles {
  const char* mount;
  const char* limit;
  const char* usage;
  const char* cache;
};
constexpr CgroupFiles kVersion1 = {"/sys/fs/cgroup/memory", "/memory.limit_in_bytes", "/memory.usage_in_bytes",
                                   "total_inactive_file"};
constexpr CgroupFiles kVersion2 = {"/sys/fs/cgroup", "/memory.max", "/memory.current", "inactive_file"};

// The least free room of the cgroup at `path` and of those above it. In a container, `path` may be the host's path,
// which is not mounted here; the container's own limits are then those at the root of the mount.
uint64_t CgroupRoom(const std::string& root, const CgroupFiles& files, std::string path) {
  uint64_t room = kUnlimited;
  for (;;) {
    const std::string group = root + files.mount + path;
    const uint64_t limit = Number(group + files.limit);
    if (limit != kUnlimited) {
      const uint64_t cache = Field(group + "/memory.stat", files.cache, 0);
      const uint64_t usage = Number(group + files.usage);
      const uint64_t held = usage == kUnlimited ? 0 : usage - std::min(cache, usage);
      room = std::min(room, limit - std::min(held, limit));
    }
    if (path.empty()) return room;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

}  // namespace

uint64_t AvailableMemory(const std::string& root) {
  const uint64_t kilobytes = Field(root + "/proc/meminfo", "MemAvailable:", kUnlimited / 1024);
  uint64_t available = kilobytes == kUnlimited / 1024 ? kUnlimited : kilobytes * 1024;
  // Lines are "hierarchy:controllers:path": version 2 has no controllers, version 1 names them.
  for (const std::string& line : LinesOf(root + "/proc/self/cgroup")) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") available = std::min(available, CgroupRoom(root, kVersion2, path));
    if (controllers.find(",memory,") != std::string::npos)
      available = std::min(available, CgroupRoom(root, kVersion1, path));
  }
  return available;
}

}  // namespace mayfly
