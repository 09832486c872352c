// Loads a Mach-O bundle for this processor and runs its RoundTrip: `load BUNDLE STAND_IN`, where the latter is a
// library that answers for Apple's frameworks. Prints what was loaded, then what the bundle tells.
#include <cstdio>
#include <exception>

#include "darwin_c.h"
#include "mach_image.h"
#include "round_trip.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: load BUNDLE STAND_IN\n");
    return 2;
  }
  try {
    macho::SetFrameworks(argv[2]);
    const macho::MachImage image(argv[1], macho::DarwinSymbol);
    image.Initialise();
    std::printf("%zu places bound, %zu unwinding entries\n", image.binds(), image.unwinding_entries());
    reinterpret_cast<decltype(&RoundTrip)>(image.Symbol("_RoundTrip"))([](const char* line) { std::puts(line); });
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "load: %s\n", error.what());
    return 1;
  }
}
