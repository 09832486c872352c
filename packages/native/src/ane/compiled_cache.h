// What the compiler writes into a staged directory (net.plist, and data where the program has weight files), kept in a
// folder by system and identifier, so that another process can load the same program without compiling it.
#pragma once

#include <string>

#include "ane/staging.h"

namespace mayfly::ane {

class CompiledCache {
 public:
  // An empty folder name: nothing is kept and nothing found. Programs of another chip or release of the system are
  // others.
  CompiledCache(const std::string& folder, const std::string& chip);

  bool enabled() const { return !folder_.empty(); }
  // Puts what is kept for `identifier` into its staged directory. A cache that cannot be read is an empty one.
  void Restore(const std::string& identifier, const StagedDirectory& directory) const;
  // Where that fails, a line on stderr: the program is loaded already.
  void Keep(const std::string& identifier, const StagedDirectory& directory) const;
  // After a restored program did not load.
  void Forget(const std::string& identifier) const;

 private:
  std::string folder_;
};

}  // namespace mayfly::ane
