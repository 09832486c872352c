// What device ane does between opening and the last program's end, told in lines: compiled for macOS and for Linux
// alike, to be compared. A C function, so that a bundle exports it by this name.
#pragma once

extern "C" __attribute__((visibility("default"))) void RoundTrip(void (*print)(const char* line));
