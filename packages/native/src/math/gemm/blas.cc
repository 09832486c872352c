#include "math/gemm/blas.h"

#include <dlfcn.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "error.h"

namespace mayfly {
namespace {

#ifdef __APPLE__
constexpr const char* kDefaultPath = "/System/Library/Frameworks/Accelerate.framework/Accelerate";
#else
constexpr const char* kDefaultPath = "libopenblas.so.0";
#endif

// Read as the addon is loaded, like MAYFLY_ISA.
const std::string library_path = [] {
  const char* value = std::getenv("MAYFLY_BLAS");
  return std::string(value == nullptr || *value == '\0' ? kDefaultPath : value);
}();

template <class Function>
Function Find(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

std::string NameOfLibrary(void* library) {
  const auto config = Find<const char* (*)()>(library, "openblas_get_config");
  const auto core = Find<const char* (*)()>(library, "openblas_get_corename");
  if (config != nullptr && core != nullptr) {
    // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …"
    const std::string text = config();
    return text.substr(0, text.find(' ', text.find(' ') + 1)) + " " + core();
  }
  return library_path.substr(library_path.rfind('/') + 1);
}

// We split products over threads of our own.
void LimitToOneThread(void* library, Blas* blas) {
  for (const char* name : {"openblas_set_num_threads", "MKL_Set_Num_Threads"}) {
    if (const auto set = Find<void (*)(int)>(library, name)) set(1);
  }
  blas->set_threading = Find<int (*)(unsigned)>(library, "BLASSetThreading");
}

// A product of small whole numbers, of which every sum is exact.
bool MultipliesRight(const Blas& blas) {
  constexpr int kRows = 37, kColumns = 29, kDepth = 75;
  constexpr int kRowMajor = 101, kAsItIs = 111, kTransposed = 112;
  std::vector<float> a(kRows * kDepth), b(kDepth * kColumns), c(kRows * kColumns, NAN);
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(static_cast<int>(i * 7 % 31) - 15);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(static_cast<int>(i * 5 % 29) - 14);
  // a is stored as its transpose.
  blas.sgemm(kRowMajor, kTransposed, kAsItIs, kRows, kColumns, kDepth, 2.0f, a.data(), kRows, b.data(), kColumns, 0.0f,
             c.data(), kColumns);
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kColumns; ++j) {
      float sum = 0;
      for (int p = 0; p < kDepth; ++p) sum += a[p * kRows + i] * b[p * kColumns + j];
      if (c[i * kColumns + j] != 2 * sum) return false;
    }
  }
  return true;
}

Blas Load() {
#ifdef __APPLE__
  // Read by Accelerate at its first product; releases before macOS 15 have no other way.
  setenv("VECLIB_MAXIMUM_THREADS", "1", 0);
#endif
  const std::string what = "Cannot use precision `blas`: ";
  void* const library = dlopen(library_path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw Error("ERR_BLAS", what + dlerror());
  Blas blas;
  blas.sgemm = Find<Blas::Sgemm>(library, "cblas_sgemm");
  if (blas.sgemm == nullptr) throw Error("ERR_BLAS", what + library_path + " has no cblas_sgemm");
  LimitToOneThread(library, &blas);
  blas.name = NameOfLibrary(library);
  if (!MultipliesRight(blas)) throw Error("ERR_BLAS", what + "the first product of " + library_path + " was wrong");
  return blas;
}

}  // namespace

const Blas& TheBlas() {
  static const Blas blas = Load();
  return blas;
}

}  // namespace mayfly
