#include "ane/staged_name.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "ane/staging.h"
#include "error.h"

namespace mayfly::ane {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModelPath = "@model_path/";
// Names of files that the framework, the compiler or staging itself writes.
constexpr const char* kReservedNames[] = {kStagedText, "net.plist", "data"};
constexpr const char* kReservedPrefix = ".mayfly-";
// The longest component, with room for the suffix of a temporary file, and the longest path.
constexpr size_t kMaxComponentBytes = 200;
constexpr size_t kMaxNameBytes = 512;

[[noreturn]] void Fail(const std::string& expected, const std::string& got) {
  throw Error("ERR_WEIGHT_BLOB", "Expected " + expected + ", got " + got);
}

std::string LowerCase(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

}  // namespace

std::string StagedName(const std::string& weight_path) {
  std::string name = weight_path;
  if (name.rfind(kModelPath, 0) == 0) name.erase(0, std::string(kModelPath).size());
  const fs::path path = fs::path(name).lexically_normal();
  if (name.empty() || path.is_absolute() || *path.begin() == ".." || path == "." || !path.has_filename() ||
      name.find('\0') != std::string::npos) {
    Fail("a weight file below " + std::string(kModelPath), "`" + weight_path + "`");
  }
  size_t longest = 0;
  for (const fs::path& component : path) longest = std::max(longest, component.string().size());
  if (longest > kMaxComponentBytes || path.string().size() > kMaxNameBytes) {
    Fail("the name of a weight file to have at most " + std::to_string(kMaxNameBytes) + " bytes, " +
             std::to_string(kMaxComponentBytes) + " between slashes",
         std::to_string(path.string().size()) + " and " + std::to_string(longest));
  }
  return path.string();
}

void CheckStagedNames(const std::vector<mil::WeightFile>& weights) {
  std::map<std::string, std::string> taken;
  for (const char* name : kReservedNames) taken.emplace(name, "a file of the compiler's");
  for (const mil::WeightFile& file : weights) {
    const std::string name = LowerCase(StagedName(file.path));
    const auto [found, is_new] = taken.emplace(name, "`" + file.path + "`");
    if (!is_new) Fail("weight file `" + file.path + "` to have a name of its own", "that of " + found->second);
    if (name.rfind(kReservedPrefix, 0) == 0) {
      Fail("a weight file whose name does not begin with " + std::string(kReservedPrefix), "`" + file.path + "`");
    }
  }
  // A file cannot be the folder of another one. Names that begin with `folder/` come next in the order.
  for (const auto& [name, path] : taken) {
    const auto below = taken.lower_bound(name + "/");
    if (below != taken.end() && below->first.rfind(name + "/", 0) == 0) {
      Fail("weight file " + below->second + " to have a folder of its own", "the name of " + path);
    }
  }
}

}  // namespace mayfly::ane
