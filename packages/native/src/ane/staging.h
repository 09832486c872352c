// The directory NSTemporaryDirectory()/<hexStringIdentifier> from which the compiler reads model.mil and weights/…, and
// to which it writes its results.
//
// The identifier is derived from the content, so programs with the same text and weights share a directory, within this
// process and across processes. Each process that uses a directory keeps an owner file there, locked as long as it
// lives, and the last owner removes the directory. A lock goes with its process, so that the next process to come
// recognises and removes the directory of a crashed owner.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ane/file_lock.h"
#include "device/device.h"

namespace mayfly::ane {

// The file with the program's text.
constexpr const char* kStagedText = "model.mil";

class StagedDirectory {
 public:
  // The directory of `identifier`, whether it exists or not.
  static std::string PathOf(const std::string& identifier);
  // The directory of `identifier` under the system's temporary directory, with every file in place. One object per
  // identifier and process. Throws ERR_ANE_STAGING.
  static std::shared_ptr<StagedDirectory> Stage(const std::string& identifier, std::string_view text,
                                                const std::vector<mil::WeightFile>& weights);

  StagedDirectory(const std::string& root, const std::string& identifier);
  ~StagedDirectory();

  const std::string& path() const { return path_; }
  // Whether other processes use it.
  bool HasOtherOwners() const;
  // Replaces weight files and calls `load` while nobody else can start to use this directory. From then on its contents
  // do not match the identifier in its name. Does nothing and returns false if another program of any process uses it.
  bool Rewrite(const std::vector<mil::WeightFile>& weights, const std::function<void()>& load) const;

 private:
  // Call with the root locked.
  bool HasOtherOwnerFiles() const;
  // Writes one file, unless there is one of the same size already.
  void Put(const std::string& name, const void* data, size_t bytes, bool replace) const;

  std::string root_;
  std::string path_;
  std::string owner_path_;
  FileLock owner_;
  // The number of programs of this process that use it.
  int users_ = 0;
};

// Removes directories under the temporary directory whose owners are all dead; returns how many.
int RemoveAbandonedDirectories();

}  // namespace mayfly::ane
