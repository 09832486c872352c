// MAYFLY_EMULATOR_REPORT: counts of events in this process, and of objects that are still alive at its end.
#include <unistd.h>

#include <fstream>

#include "engine_model.h"
#include "engine_options.h"
#include "engine_surface.h"
#include "faults.h"

namespace {

using Entry = void (*)(const char* name, long count, void* context);
using Writer = void (*)(Entry entry, void* context);

Writer objects = nullptr;

// Runs at the end of the process, after the destructors of static objects of the client.
__attribute__((destructor)) void Write() {
  using namespace mayfly::emulator;
  std::string path = EngineOptions::Get().report;
  if (path.empty()) return;
  const size_t at = path.find("%p");
  if (at != std::string::npos) path.replace(at, 2, std::to_string(getpid()));
  std::ofstream file(path);
  file << "{\"compilations\":" << CountOf("compile") << ",\"loads\":" << CountOf("load")
       << ",\"evaluations\":" << CountOf("evaluate") << ",\"unloads\":" << CountOf("unload")
       << ",\"locks\":" << CountOf("lock") << ",\"writtenBytes\":" << WrittenBytes() << ",\"readBytes\":" << ReadBytes()
       << ",\"live\":{\"models\":" << LiveModels() << ",\"loaded\":" << LoadedModels()
       << ",\"surfaces\":" << LiveSurfaces();
  if (objects != nullptr) {
    objects([](const char* name, long count,
               void* context) { *static_cast<std::ofstream*>(context) << ",\"" << name << "\":" << count; },
            &file);
  }
  file << "}}\n";
}

}  // namespace

extern "C" void EngineReportObjects(Writer write) { objects = write; }
