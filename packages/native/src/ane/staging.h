// The directory NSTemporaryDirectory()/<hexStringIdentifier> that the compiler reads: model.mil, weights/… and what it
// writes beside them.
//
// The identifier is derived from the content, so programs with the same text and weights share a directory, within this
// process and across processes. Each process that uses one keeps an owner file in it, locked for as long as it lives;
// the last owner removes the directory. A lock is gone with its process, so that the next comer recognises what a
// crashed owner left and removes it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ane/file_lock.h"
#include "device/device.h"

namespace mayfly::ane {

class StagedDirectory {
 public:
  // The directory of `identifier` under the system's temporary directory, with every file in place. One object per
  // identifier and process. Throws ERR_ANE_STAGING.
  static std::shared_ptr<StagedDirectory> Stage(const std::string& identifier, std::string_view text,
                                                const std::vector<mil::WeightFile>& weights);

  StagedDirectory(const std::string& root, const std::string& identifier);
  ~StagedDirectory();

  const std::string& path() const { return path_; }
  // Replaces weight files and calls `load` while nobody else can come to this directory, whose name then no longer
  // tells what is in it. False, and nothing done, where another program uses it, in this process or another.
  bool Rewrite(const std::vector<mil::WeightFile>& weights, const std::function<void()>& load) const;

 private:
  // Replaces one file by content, or leaves one of the same size that is there already.
  void Put(const std::string& name, const void* data, size_t bytes, bool replace) const;

  std::string root_;
  std::string path_;
  std::string owner_path_;
  FileLock owner_;
  // Programs of this process that were staged here.
  int users_ = 0;
};

// Removes directories under the temporary directory whose owners are all dead; returns how many.
int RemoveAbandonedDirectories();

}  // namespace mayfly::ane
