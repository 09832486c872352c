// The same RoundTrip as this system's compiler makes it.
#include <cstdio>

#include "round_trip.h"

int main() {
  RoundTrip([](const char* line) { std::puts(line); });
}
