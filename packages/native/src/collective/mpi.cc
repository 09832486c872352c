// Compiled for size: its functions run seldom, or wait.
#ifndef __clang__
#pragma GCC optimize("Os")
#endif

#include "collective/mpi.h"

#include <dlfcn.h>

#include <cstring>
#include <type_traits>

#include "error.h"

namespace mayfly {
namespace {

template <class Function>
Function Find(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

// A constant whose value is an address or a number, in the width of the interface's handles.
template <class Handle>
Handle HandleOf(uintptr_t bits) {
  if constexpr (std::is_pointer_v<Handle>) return reinterpret_cast<Handle>(bits);
  if constexpr (!std::is_pointer_v<Handle>) return static_cast<Handle>(bits);
}

// Outside the class template, so that they are compiled once; the same for the size of the addon: not inlined.
[[gnu::noinline]] void* SymbolOf(void* library, const std::string& name, const char* symbol) {
  void* const found = dlsym(library, symbol);
  if (found == nullptr) throw Error("ERR_COLLECTIVE", "Cannot use " + name + ": it has no " + symbol);
  return found;
}

[[noreturn, gnu::noinline]] void Refuse(int (*error_string)(int, char*, int*), const std::string& name, int code,
                                        const char* call) {
  std::vector<char> text(8192);
  int length = 0;
  error_string(code, text.data(), &length);
  throw Error("ERR_COLLECTIVE", std::string(call) + " of " + name + " failed: " + text.data());
}

// Handles are pointers (Open MPI, the standard interface) or ints (MPICH): with more arguments than registers, calls
// differ by that, too.
template <class Handle>
struct Interface {
  Handle world, byte, errors_return;
  void* in_place;
  void* status_ignore;
  int funneled;
};

template <class Handle>
class Library final : public Mpi {
 public:
  Library(void* library, std::string name, const Interface<Handle>& constants)
      : Mpi(std::move(name)), library_(library), is_(constants) {
    Take(&init_thread_, "MPI_Init_thread");
    Take(&initialized_, "MPI_Initialized");
    Take(&comm_rank_, "MPI_Comm_rank");
    Take(&comm_size_, "MPI_Comm_size");
    Take(&comm_dup_, "MPI_Comm_dup");
    Take(&comm_set_errhandler_, "MPI_Comm_set_errhandler");
    Take(&error_string_, "MPI_Error_string");
    Take(&iallgather_, "MPI_Iallgather");
    Take(&iallgatherv_, "MPI_Iallgatherv");
    Take(&ialltoallv_, "MPI_Ialltoallv");
    Take(&ibcast_, "MPI_Ibcast");
    Take(&test_, "MPI_Test");
    Take(&iprobe_, "MPI_Iprobe");
    Take(&finalize_, "MPI_Finalize");
    Take(&abort_, "MPI_Abort");
  }

  void Init() override {
    int already = 0;
    Check(initialized_(&already), "MPI_Initialized");
    if (already != 0) throw Error("ERR_COLLECTIVE", "Cannot open the group: this process uses " + name() + " already");
    int provided = 0;
    Check(init_thread_(nullptr, nullptr, is_.funneled, &provided), "MPI_Init_thread");
    Check(comm_set_errhandler_(is_.world, is_.errors_return), "MPI_Comm_set_errhandler");
    Check(comm_rank_(is_.world, &rank_), "MPI_Comm_rank");
    Check(comm_size_(is_.world, &size_), "MPI_Comm_size");
  }

  void OpenChannels() override {
    for (Handle& channel : channels_) {
      Check(comm_dup_(is_.world, &channel), "MPI_Comm_dup");
      Check(comm_set_errhandler_(channel, is_.errors_return), "MPI_Comm_set_errhandler");
    }
  }

  Request AllGather(const void* mine, void* all, int bytes, Channel channel) override {
    Handle handle;
    Check(iallgather_(mine, bytes, is_.byte, all, bytes, is_.byte, channels_[channel], &handle), "MPI_Iallgather");
    return Pack(handle);
  }

  Request AllGatherInPlace(void* all, const int* counts, const int* displacements, Channel channel) override {
    Handle handle;
    Check(iallgatherv_(is_.in_place, 0, is_.byte, all, counts, displacements, is_.byte, channels_[channel], &handle),
          "MPI_Iallgatherv");
    return Pack(handle);
  }

  Request AllToAll(const void* from, Parts sent, void* to, Parts received, Channel channel) override {
    Handle handle;
    Check(ialltoallv_(from, sent.counts, sent.displacements, is_.byte, to, received.counts, received.displacements,
                      is_.byte, channels_[channel], &handle),
          "MPI_Ialltoallv");
    return Pack(handle);
  }

  Request Broadcast(void* data, int bytes, int root, Channel channel) override {
    Handle handle;
    Check(ibcast_(data, bytes, is_.byte, root, channels_[channel], &handle), "MPI_Ibcast");
    return Pack(handle);
  }

  bool Test(Request* request) override {
    Handle handle;
    std::memcpy(&handle, &request->bits, sizeof handle);
    int ended = 0;
    Check(test_(&handle, &ended, is_.status_ignore), "MPI_Test");
    *request = Pack(handle);
    return ended != 0;
  }

  void Progress() override {
    int there = 0;
    Check(iprobe_(0, 0, channels_[kHeaders], &there, is_.status_ignore), "MPI_Iprobe");
  }

  void Finalize() override { Check(finalize_(), "MPI_Finalize"); }
  void Abort(int code) override { abort_(is_.world, code); }

 private:
  template <class Function>
  void Take(Function* function, const char* symbol) {
    *function = reinterpret_cast<Function>(SymbolOf(library_, name(), symbol));
  }

  void Check(int code, const char* call) const {
    if (code != 0) Refuse(error_string_, name(), code, call);
  }

  static Request Pack(Handle handle) {
    Request request;
    std::memcpy(&request.bits, &handle, sizeof handle);
    return request;
  }

  void* library_;
  Interface<Handle> is_;
  Handle channels_[kChannels] = {};

  int (*init_thread_)(int*, char***, int, int*);
  int (*initialized_)(int*);
  int (*comm_rank_)(Handle, int*);
  int (*comm_size_)(Handle, int*);
  int (*comm_dup_)(Handle, Handle*);
  int (*comm_set_errhandler_)(Handle, Handle);
  int (*error_string_)(int, char*, int*);
  int (*iallgather_)(const void*, int, Handle, void*, int, Handle, Handle, Handle*);
  int (*iallgatherv_)(const void*, int, Handle, void*, const int*, const int*, Handle, Handle, Handle*);
  int (*ialltoallv_)(const void*, const int*, const int*, Handle, void*, const int*, const int*, Handle, Handle,
                     Handle*);
  int (*ibcast_)(void*, int, Handle, int, Handle, Handle*);
  int (*test_)(Handle*, int*, void*);
  int (*iprobe_)(int, int, Handle, int*, void*);
  int (*finalize_)();
  int (*abort_)(Handle, int);
};

// "Open MPI v4.1.4", "MPICH 4.0.2".
std::string VersionOf(void* library, const std::string& file) {
  const auto version = Find<int (*)(char*, int*)>(library, "MPI_Get_library_version");
  if (version == nullptr) throw Error("ERR_COLLECTIVE", "Cannot use " + file + ": it is no library of MPI 3 or later");
  std::vector<char> text(8192);
  int length = 0;
  version(text.data(), &length);
  std::string line = text.data();
  line = line.substr(0, line.find_first_of(",\n"));
  const std::string word = " Version:\t";
  if (const size_t at = line.find(word); at != std::string::npos) line.replace(at, word.size(), " ");
  return line;
}

bool IsStandardAbi(void* library, const std::string& file) {
  if (file.find("libmpi_abi") == std::string::npos) return false;
  const auto version = Find<int (*)(int*, int*)>(library, "MPI_Abi_get_version");
  int major = 0, minor = 0;
  return version != nullptr && version(&major, &minor) == 0 && major == 1;
}

std::unique_ptr<Mpi> Recognize(void* library, const std::string& file) {
  const std::string name = VersionOf(library, file);
  const auto pointer = [](uintptr_t bits) { return HandleOf<void*>(bits); };
  if (void* const world = dlsym(library, "ompi_mpi_comm_world")) {
    // A handle is the address of a symbol. Versions 4 and 5 have one interface.
    void* const byte = dlsym(library, "ompi_mpi_byte");
    void* const errors_return = dlsym(library, "ompi_mpi_errors_return");
    return std::make_unique<Library<void*>>(library, name,
                                            Interface<void*>{world, byte, errors_return, pointer(1), nullptr, 1});
  }
  if (IsStandardAbi(library, file)) {
    // Numbers of MPI 5's standard interface. Not run yet: no release of a library that has it was at hand.
    return std::make_unique<Library<void*>>(
        library, name, Interface<void*>{pointer(0x101), pointer(0x247), pointer(0x142), pointer(1), nullptr, 1024});
  }
  if (name.find("MPICH") != std::string::npos) {
    return std::make_unique<Library<int>>(
        library, name,
        Interface<int>{HandleOf<int>(0x44000000), HandleOf<int>(0x4c00010d), HandleOf<int>(0x54000001),
                       pointer(~uintptr_t{0}), pointer(1), 1});
  }
  throw Error("ERR_COLLECTIVE", "Cannot use " + file + " (" + name + "): expected Open MPI, MPICH or libmpi_abi");
}

}  // namespace

std::unique_ptr<Mpi> Mpi::Load(const std::vector<std::string>& files) {
  std::string refusals;
  for (const std::string& file : files) {
    // The libraries' plug-ins expect their symbols to be global.
    if (void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL)) return Recognize(library, file);
    refusals += std::string(refusals.empty() ? "" : "; ") + dlerror();
  }
  throw Error("ERR_COLLECTIVE", "Cannot load MPI: " + refusals);
}

}  // namespace mayfly
