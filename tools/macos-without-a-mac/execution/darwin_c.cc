#include "darwin_c.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace macho {
namespace {

std::string frameworks;
FILE* standard_error = stderr;
const uintptr_t stack_guard = 0x5bd1e995a7c3f100;

// Linux's number of an error, macOS's. All others up to 34 are the same, and none above them.
constexpr std::pair<int, int> kErrors[] = {
    {EAGAIN, 35},    {EDEADLK, 11}, {ENAMETOOLONG, 63}, {ENOLCK, 77},      {ENOSYS, 78},
    {ENOTEMPTY, 66}, {ELOOP, 62},   {EOVERFLOW, 84},    {EOPNOTSUPP, 102},
};

int* Errno() {
  thread_local int darwin;
  darwin = errno;
  for (const auto& [here, there] : kErrors) {
    if (here == errno) darwin = there;
  }
  return &darwin;
}

char* Strerror(int darwin) {
  for (const auto& [here, there] : kErrors) {
    if (there == darwin) return std::strerror(here);
  }
  return std::strerror(darwin);
}

int Open(const char* path, int darwin, int mode) {
  constexpr std::pair<int, int> kFlags[] = {{0x4, O_NONBLOCK}, {0x8, O_APPEND}, {0x100, O_NOFOLLOW},   {0x200, O_CREAT},
                                            {0x400, O_TRUNC},  {0x800, O_EXCL}, {0x1000000, O_CLOEXEC}};
  int flags = darwin & O_ACCMODE;
  for (const auto& [there, here] : kFlags) {
    if ((darwin & there) != 0) flags |= here;
  }
  return open(path, flags, mode);
}

}  // namespace

#ifdef __aarch64__

// Apple's arm64 passes the arguments of a variadic function that have no name on the stack, eight bytes each, as
// Linux's does with those that the registers are too few for.
static va_list OnStack(void* arguments) {
  struct {
    void *stack, *general_top, *vector_top;
    int general_offset, vector_offset;
  } here = {arguments, nullptr, nullptr, 0, 0};
  va_list list;
  static_assert(sizeof list == sizeof here);
  std::memcpy(&list, &here, sizeof list);
  return list;
}

extern "C" __attribute__((used)) int SnprintfOnStack(char* to, size_t bytes, const char* format, void* arguments) {
  return std::vsnprintf(to, bytes, format, OnStack(arguments));
}
extern "C" __attribute__((used)) int FprintfOnStack(FILE* file, const char* format, void* arguments) {
  return std::vfprintf(file, format, OnStack(arguments));
}
extern "C" __attribute__((used)) int OpenOnStack(const char* path, int flags, const int* mode) {
  return Open(path, flags, *mode);
}

// Each hands on where the stack is.
asm(R"(
  .text
  .globl DarwinSnprintf, DarwinFprintf, DarwinOpen
DarwinSnprintf:
  mov x3, sp
  b SnprintfOnStack
DarwinFprintf:
  mov x2, sp
  b FprintfOnStack
DarwinOpen:
  mov x2, sp
  b OpenOnStack
)");
extern "C" void DarwinSnprintf();
extern "C" void DarwinFprintf();
extern "C" void DarwinOpen();

// On Apple's arm64 a constructor or destructor returns its object, which callers rely on; on Linux's it does not.
static bool ReturnsItsObject(const std::string& symbol) {
  for (const char* part : {"C1E", "C2E", "D1Ev", "D2Ev"}) {
    if (symbol.rfind("__ZN", 0) == 0 && symbol.find(part) != std::string::npos) return true;
  }
  return false;
}

// Code that calls `function` and returns the first argument. Exceptions do not pass it.
static void* ReturningObject(const void* function) {
  const uint32_t code[] = {
      0xa9be7bfd,  // stp x29, x30, [sp, #-32]!
      0xf9000be0,  // str x0, [sp, #16]
      0x580000b0,  // ldr x16, function
      0xd63f0200,  // blr x16
      0xf9400be0,  // ldr x0, [sp, #16]
      0xa8c27bfd,  // ldp x29, x30, [sp], #32
      0xd65f03c0,  // ret, and the address of the function, eight bytes
  };
  constexpr size_t kBytes = sizeof code + sizeof function;
  auto* const page = static_cast<uint8_t*>(
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (page == MAP_FAILED) std::abort();
  std::memcpy(page, code, sizeof code);
  std::memcpy(page + sizeof code, &function, sizeof function);
  __builtin___clear_cache(reinterpret_cast<char*>(page), reinterpret_cast<char*>(page) + kBytes);
  return page;
}

#else

static bool ReturnsItsObject(const std::string&) { return false; }
static void* ReturningObject(void* function) { return function; }

#endif

namespace {

// The fields that are read here.
struct DarwinStat {
  int32_t device;
  uint16_t mode;
  uint8_t rest[138];
};
static_assert(sizeof(DarwinStat) == 144);

int Fstat(int fd, DarwinStat* result) {
  struct stat here;
  if (fstat(fd, &here) != 0) return -1;
  *result = {};
  result->mode = static_cast<uint16_t>(here.st_mode);
  return 0;
}

void* Dlopen(const char* path, int darwin) {
  constexpr int kNow = 0x2, kGlobal = 0x8;
  const int when = (darwin & kNow) != 0 ? RTLD_NOW : RTLD_LAZY;
  const std::string name = path;
  const bool apple = name.rfind("/System/Library/", 0) == 0 || name == "/usr/lib/libobjc.A.dylib";
  return dlopen(apple ? frameworks.c_str() : path, when | ((darwin & kGlobal) != 0 ? RTLD_GLOBAL : RTLD_LOCAL));
}

struct DarwinUtsname {
  char fields[5][256];
};

int Uname(DarwinUtsname* result) {
  utsname here;
  if (uname(&here) != 0) return -1;
  const char* fields[] = {here.sysname, here.nodename, here.release, here.version, here.machine};
  for (size_t i = 0; i < 5; ++i) std::snprintf(result->fields[i], sizeof result->fields[i], "%s", fields[i]);
  return 0;
}

void MemsetPattern16(uint8_t* to, const uint8_t* pattern, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) to[i] = pattern[i % 16];
}

// macOS's begins with a signature; the zeros behind it are a free mutex of glibc's, and there is room for one.
struct DarwinMutex {
  long signature;
  pthread_mutex_t mutex;
};
static_assert(sizeof(DarwinMutex) <= 64);

void Lock(DarwinMutex* mutex) {
  if (mutex->signature != 0x32AAABA7 || pthread_mutex_lock(&mutex->mutex) != 0) std::abort();
}
void Unlock(DarwinMutex* mutex) {
  if (pthread_mutex_unlock(&mutex->mutex) != 0) std::abort();
}
DarwinMutex* Destroy(DarwinMutex* mutex) {
  pthread_mutex_destroy(&mutex->mutex);
  return mutex;
}

// Of std::recursive_mutex, whose constructor is in the library.
DarwinMutex* MakeRecursive(DarwinMutex* mutex) {
  pthread_mutexattr_t recursive;
  pthread_mutexattr_init(&recursive);
  pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
  mutex->signature = 0x32AAABA7;
  pthread_mutex_init(&mutex->mutex, &recursive);
  pthread_mutexattr_destroy(&recursive);
  return mutex;
}

// macOS's begins with a signature; the zeros behind it have no room for one of glibc's, which is made at the first use.
struct DarwinCondition {
  long signature;
  std::atomic<pthread_cond_t*> made;
};
static_assert(sizeof(DarwinCondition) <= 48);

pthread_cond_t* Made(DarwinCondition* condition) {
  if (condition->signature != 0x3CB0B1BB) std::abort();
  pthread_cond_t* made = condition->made.load();
  if (made != nullptr) return made;
  auto* const fresh = new pthread_cond_t PTHREAD_COND_INITIALIZER;
  if (condition->made.compare_exchange_strong(made, fresh)) return fresh;
  delete fresh;
  return made;
}

void NotifyOne(DarwinCondition* condition) { pthread_cond_signal(Made(condition)); }
void NotifyAll(DarwinCondition* condition) { pthread_cond_broadcast(Made(condition)); }
// A std::unique_lock begins with the pointer to its mutex.
void Wait(DarwinCondition* condition, DarwinMutex** lock) {
  if (pthread_cond_wait(Made(condition), &(*lock)->mutex) != 0) std::abort();
}
DarwinCondition* DestroyCondition(DarwinCondition* condition) {
  delete condition->made.load();
  return condition;
}

int SetThisThreadsName(const char* name) { return pthread_setname_np(pthread_self(), name); }

void* Dlsym(void* handle, const char* name) {
  void* const darwin_default = reinterpret_cast<void*>(-2);
  return dlsym(handle == darwin_default ? RTLD_DEFAULT : handle, name);
}

// Every import is bound before the first call.
void NeverCalled() { std::abort(); }

template <typename Function>
void* Pointer(Function* function) {
  return reinterpret_cast<void*>(function);
}

const std::unordered_map<std::string, void*> kOwn = {
    {"___error", Pointer(Errno)},
    {"_strerror", Pointer(Strerror)},
#ifdef __aarch64__
    {"_open", Pointer(DarwinOpen)},
    {"_snprintf", Pointer(DarwinSnprintf)},
    {"_fprintf", Pointer(DarwinFprintf)},
    {"_fstat", Pointer(Fstat)},
#else
    // The mode is where a variadic function has it, too, as are the arguments of `snprintf` and `fprintf`.
    {"_open", Pointer(Open)},
    {"_snprintf", Pointer(std::snprintf)},
    {"_fprintf", Pointer(std::fprintf)},
    {"_fstat$INODE64", Pointer(Fstat)},
#endif
    {"_dlopen", Pointer(Dlopen)},
    {"_dlsym", Pointer(Dlsym)},
    {"_pthread_setname_np", Pointer(SetThisThreadsName)},
    {"_uname", Pointer(Uname)},
    {"___bzero", Pointer(bzero)},
    {"_bzero", Pointer(bzero)},
    {"_memset_pattern16", Pointer(MemsetPattern16)},
    {"___stderrp", &standard_error},
    {"___stack_chk_guard", const_cast<uintptr_t*>(&stack_guard)},
    {"dyld_stub_binder", Pointer(NeverCalled)},
    {"__ZNSt3__15mutex4lockEv", Pointer(Lock)},
    {"__ZNSt3__15mutex6unlockEv", Pointer(Unlock)},
    {"__ZNSt3__15mutexD1Ev", Pointer(Destroy)},
    {"__ZNSt3__118condition_variable10notify_oneEv", Pointer(NotifyOne)},
    {"__ZNSt3__118condition_variable10notify_allEv", Pointer(NotifyAll)},
    {"__ZNSt3__118condition_variable4waitERNS_11unique_lockINS_5mutexEEE", Pointer(Wait)},
    {"__ZNSt3__118condition_variableD1Ev", Pointer(DestroyCondition)},
    {"__ZNSt3__115recursive_mutexC1Ev", Pointer(MakeRecursive)},
    {"__ZNSt3__115recursive_mutex4lockEv", Pointer(Lock)},
    {"__ZNSt3__115recursive_mutex6unlockEv", Pointer(Unlock)},
    {"__ZNSt3__115recursive_mutexD1Ev", Pointer(Destroy)},
};

const std::unordered_set<std::string> kSame = {
    "__Unwind_Resume", "___cxa_atexit", "___stack_chk_fail",
    "_close",          "_dlerror",      "_pthread_create",
    "_exp2",           "_fclose",       "_fflush",
    "_flock",          "_fopen",        "_fread",
    "_free",           "_fseek",        "_fseeko",
    "_ftello",         "_fwrite",       "_getenv",
    "_getpid",         "_isxdigit",     "_log2",
    "_memchr",         "_memcmp",       "_memcpy",
    "_memmove",        "_memset",       "_newlocale",
    "_strcmp",         "_strlen",       "_strtod_l",
    "_uselocale",      "_write",        "_pthread_setspecific",
};

// Of libc++ whose objects hold what the C library lays out in its own way; what is used of them is above. A std::thread
// holds a pthread_t, eight bytes in both, of which zero is no thread.
bool DiffersInLayout(const std::string& symbol) {
  for (const char* part : {"mutex", "condition_variable"}) {
    if (symbol.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

void SetFrameworks(const std::string& stand_in) { frameworks = stand_in; }

void* DarwinSymbol(const std::string& symbol) {
  const auto own = kOwn.find(symbol);
  if (own != kOwn.end()) return own->second;
  const bool cpp = symbol.rfind("__Z", 0) == 0 || symbol.rfind("___cxa_", 0) == 0 || symbol == "___gxx_personality_v0";
  const bool same = cpp ? !DiffersInLayout(symbol) : kSame.count(symbol) != 0;
  void* const found = same ? dlsym(RTLD_DEFAULT, symbol.c_str() + 1) : nullptr;
  return found != nullptr && ReturnsItsObject(symbol) ? ReturningObject(found) : found;
}

}  // namespace macho
