// macOS's C library for an image that runs on Linux: what glibc has under the same name with the same meaning, and
// functions of our own where names, constants or layouts differ.
#pragma once

#include <string>

namespace macho {

// The address of an import by its name in Mach-O; null where none is known. A C function is taken from glibc only if it
// is listed as the same; C++ ones are those of this process's libc++.
void* DarwinSymbol(const std::string& symbol);

// What dlopen gives for the paths of Apple's frameworks.
void SetFrameworks(const std::string& stand_in);

}  // namespace macho
