// Keeps the files that the compiler writes into a staged directory (net.plist, and data if the program has weight
// files) in a folder, by system and identifier, so that another process can load the same program without compiling it.
#pragma once

#include <string>

#include "ane/staging.h"

namespace mayfly::ane {

class CompiledCache {
 public:
  // With an empty folder name it keeps and finds nothing. Each chip and release of the system has programs of its own.
  CompiledCache(const std::string& folder, const std::string& chip);

  bool enabled() const { return !folder_.empty(); }
  // Copies the files of `identifier` into its staged directory. A cache that cannot be read counts as empty.
  void Restore(const std::string& identifier, const StagedDirectory& directory) const;
  // A failure is only a line on stderr, since the program is loaded already.
  void Keep(const std::string& identifier, const StagedDirectory& directory) const;
  // Removes a program that was restored but did not load.
  void Forget(const std::string& identifier) const;

 private:
  std::string folder_;
};

}  // namespace mayfly::ane
