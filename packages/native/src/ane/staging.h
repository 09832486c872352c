// The directory NSTemporaryDirectory()/<hexStringIdentifier>, from which the compiler reads model.mil and weights/….
//
// The identifier is derived from the content, so programs with the same text and weights share a directory, within this
// process and across processes, and unloading one of them removes it (the framework does). From its staging to the end
// of its loading a program therefore holds the identifier's lock together with others, and unloading holds it alone.
//
// Each program keeps an owner file in the directory, locked as long as its process lives, and the last owner removes
// the directory. A lock goes with its process, so that the next process to come recognises and removes the directory of
// a crashed owner.
#pragma once

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

  // The directory of `identifier` under the system's temporary directory. Creates nothing.
  explicit StagedDirectory(const std::string& identifier);
  StagedDirectory(const StagedDirectory&) = delete;
  StagedDirectory& operator=(const StagedDirectory&) = delete;
  // Removes the directory unless others own it.
  ~StagedDirectory();

  // The lock of an identifier, for as long as this object lives. Throws ERR_ANE_STAGING.
  class Turn {
   public:
    // Shared for staging, compiling and loading; alone for unloading.
    enum Kind { kShared, kAlone };
    Turn(const StagedDirectory& directory, Kind kind);
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

   private:
    std::string path_;
    FileLock lock_;
  };

  // Whether a program of this or another process has the same identifier.
  bool HasOtherOwners() const;
  // Creates the directory, which the last unload may have removed, and writes every file. Call with a turn. Throws
  // ERR_ANE_STAGING.
  void Write(std::string_view text, const std::vector<mil::WeightFile>& weights);

 private:
  void Put(const std::string& name, const void* data, size_t bytes) const;

  std::string root_;
  std::string path_;
  std::string owner_path_;
  FileLock owner_;
};

// Removes directories under the temporary directory whose owners are all dead; returns how many.
int RemoveAbandonedDirectories();

}  // namespace mayfly::ane
