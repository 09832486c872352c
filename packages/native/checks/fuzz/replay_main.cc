// Runs a target over the files given, without libFuzzer: every compiler can.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz_target.h"

int main(int count, char** files) {
  for (int i = 1; i < count; ++i) {
    // A crash is named by the last line.
    std::printf("%s\n", files[i]);
    std::fflush(stdout);
    std::ifstream file(files[i], std::ios::binary);
    if (!file) return 1;
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
}
