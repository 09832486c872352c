#include "shm/arena.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>

#include "error.h"
#include "shm/available_memory.h"
#include "shm/unnamed_memory.h"

#if defined(__linux__) && !defined(MADV_POPULATE_WRITE)
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#if defined(__linux__) && !defined(MADV_COLLAPSE)
#define MADV_COLLAPSE 25
#endif

namespace mayfly {
namespace {

// From this size on, Populate checks the available memory first.
constexpr uint64_t kCheckFrom = 1 << 20;
// Available memory that Populate leaves to everything else.
constexpr uint64_t kReserveBytes = 64 << 20;

#ifdef __linux__
// A huge page of x86-64, and of arm64 with pages of 4 KiB.
constexpr uint64_t kHugePage = 2 << 20;
// From this size on, Populate asks for huge pages: the weights of a small model fit the processor's caches.
constexpr uint64_t kHugeFrom = 32 << 20;
#endif

[[noreturn]] void Fail(const std::string& action) {
  throw Error("ERR_ARENA_CREATE", "Cannot " + action + ": " + std::strerror(errno));
}

std::string OfBytes(uint64_t bytes) { return "an arena of " + std::to_string(bytes) + " bytes"; }

[[noreturn]] void Full(uint64_t bytes, const std::string& reason) {
  throw Error("ERR_ARENA_FULL", "Cannot commit " + std::to_string(bytes) + " bytes of memory: " + reason);
}

// Maps a file shared. Huge pages need a mapping that begins at a multiple of their size.
void* MapFile(int fd, uint64_t bytes) {
  const int access = PROT_READ | PROT_WRITE;
#ifdef __linux__
  const uint64_t reserved = bytes + kHugePage;
  void* const place = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) return MAP_FAILED;
  auto* const first = static_cast<uint8_t*>(place);
  auto* const begin = first + (kHugePage - reinterpret_cast<uintptr_t>(first) % kHugePage) % kHugePage;
  void* const mapped = mmap(begin, bytes, access, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0);
  if (mapped == MAP_FAILED) {
    munmap(place, reserved);
    return MAP_FAILED;
  }
  const auto page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  auto* const end = begin + (bytes + page - 1) / page * page;
  if (begin > first) munmap(first, static_cast<size_t>(begin - first));
  if (end < first + reserved) munmap(end, static_cast<size_t>(first + reserved - end));
  return mapped;
#else
  return mmap(nullptr, bytes, access, MAP_SHARED, fd, 0);
#endif
}

#ifdef __linux__
// Commits [begin, end) as huge pages, as far as the system has them: a loop over more memory than the processor's
// caches hold waits for page tables as long as for the memory. Each needs one page to be there.
void CommitHugePages(uint8_t* base, uint64_t begin, uint64_t end) {
  const uint64_t first = (begin + kHugePage - 1) / kHugePage * kHugePage, last = end / kHugePage * kHugePage;
  if (end - begin < kHugeFrom) return;
  for (uint64_t at = first; at < last; at += kHugePage) __atomic_fetch_or(base + at, 0, __ATOMIC_RELAXED);
  // Kernels before 6.1 do not know the advice. What it leaves out has small pages.
  (void)madvise(base + first, last - first, MADV_COLLAPSE);
}
#endif

// The number of bytes in [begin, end) without a page behind them.
uint64_t UncommittedBytes([[maybe_unused]] int fd, uint64_t begin, uint64_t end) {
#ifdef __linux__
  uint64_t holes = 0;
  while (begin < end) {
    const off_t hole = lseek(fd, static_cast<off_t>(begin), SEEK_HOLE);
    if (hole < 0 || static_cast<uint64_t>(hole) >= end) break;
    const off_t data = lseek(fd, hole, SEEK_DATA);
    begin = data < 0 ? end : std::min(static_cast<uint64_t>(data), end);
    holes += begin - static_cast<uint64_t>(hole);
  }
  return holes;
#else
  return end - begin;
#endif
}

}  // namespace

Arena::Arena(OwnedFd fd, uint64_t bytes) : bytes_(bytes) {
  fd_ = std::make_shared<const OwnedFd>(std::move(fd));
  void* base = MapFile(fd_->get(), bytes);
  if (base == MAP_FAILED) Fail("map " + OfBytes(bytes));
  base_ = static_cast<uint8_t*>(base);
}

Arena::~Arena() { munmap(base_, bytes_); }

std::shared_ptr<const OwnedFd> Arena::descriptor() const {
  std::lock_guard<std::mutex> lock(fd_mutex_);
  if (!fd_) throw Error("ERR_INVALID_ARGUMENT", "Expected an open arena, got one that its owner has closed");
  return fd_;
}

void Arena::CloseDescriptor() {
  std::lock_guard<std::mutex> lock(fd_mutex_);
  fd_ = nullptr;
}

std::shared_ptr<Arena> Arena::Create(uint64_t bytes) {
  OwnedFd fd = CreateUnnamedMemory("mayfly-arena", bytes);
  if (!fd) Fail("create shared memory for " + OfBytes(bytes));
  return std::shared_ptr<Arena>(new Arena(std::move(fd), bytes));
}

std::shared_ptr<Arena> Arena::Attach(int fd) {
  struct stat status;
  if (fstat(fd, &status) != 0) Fail("read the size of descriptor " + std::to_string(fd));
  if (status.st_size <= 0) {
    throw Error("ERR_ARENA_CREATE",
                "Expected descriptor " + std::to_string(fd) + " to be an arena, got one without a size");
  }
  SetCloseOnExec(fd);
  std::shared_ptr<Arena> arena(new Arena(OwnedFd(fd), static_cast<uint64_t>(status.st_size)));
  arena->MapCommitted(fd);
  return arena;
}

void Arena::MapCommitted([[maybe_unused]] int fd) const {
#ifdef __linux__
  for (off_t hole = 0;;) {
    const off_t data = lseek(fd, hole, SEEK_DATA);
    if (data < 0) return;
    hole = lseek(fd, data, SEEK_HOLE);
    // A read fault maps the neighbouring pages, too. Kernels that do not know the advice map pages on first use.
    if (hole <= data || madvise(base_ + data, static_cast<size_t>(hole - data), MADV_POPULATE_READ) != 0) return;
  }
#endif
}

uint8_t* Arena::At(uint64_t offset, uint64_t bytes) const {
  if (offset > bytes_ || bytes > bytes_ - offset) {
    throw Error("ERR_ARENA_BOUNDS", "Expected a range within the arena's " + std::to_string(bytes_) + " bytes, got " +
                                        std::to_string(bytes) + " bytes at " + std::to_string(offset));
  }
  return base_ + offset;
}

void Arena::Populate(uint64_t offset, uint64_t bytes) {
  if (bytes == 0) return;
  At(offset, bytes);
  const std::shared_ptr<const OwnedFd> fd = descriptor();
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t begin = offset / page * page;
  const uint64_t end = (offset + bytes + page - 1) / page * page;
  // Committing more memory than there is would not fail but wake the kernel's out-of-memory killer. For small requests
  // the check costs more than it is worth.
  if (end - begin >= kCheckFrom) {
    const uint64_t wanted = UncommittedBytes(fd->get(), begin, std::min(end, bytes_));
    const uint64_t available = wanted == 0 ? 0 : AvailableMemory();
    if (wanted > 0 && (wanted > available || available - wanted < kReserveBytes)) {
      Full(bytes, std::to_string(available) + " bytes available to this process");
    }
  }
#ifdef __linux__
  CommitHugePages(base_, begin, std::min(end, bytes_));
  if (madvise(base_ + begin, end - begin, MADV_POPULATE_WRITE) == 0) return;
  // Kernels before 5.14 do not know MADV_POPULATE_WRITE.
  if (errno != EINVAL) Full(bytes, std::strerror(errno));
  const int error =
      posix_fallocate(fd->get(), static_cast<off_t>(begin), static_cast<off_t>(std::min(end, bytes_) - begin));
  if (error != 0) Full(bytes, std::strerror(error));
#endif
  // Atomic, since a worker may be writing to another tensor on the same page.
  for (uint64_t at = begin; at < end; at += page) __atomic_fetch_or(base_ + at, 0, __ATOMIC_RELAXED);
}

void Arena::Discard(uint64_t offset, uint64_t bytes) {
  At(offset, bytes);
  const uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const uint64_t begin = (offset + page - 1) / page * page;
  const uint64_t end = (offset + bytes) / page * page;
  std::memset(base_ + offset, 0, std::min(begin, offset + bytes) - offset);
  if (end <= begin) {
    std::memset(base_ + offset, 0, bytes);
    return;
  }
  std::memset(base_ + end, 0, offset + bytes - end);
#ifdef __linux__
  if (madvise(base_ + begin, end - begin, MADV_REMOVE) == 0) return;
#endif
  std::memset(base_ + begin, 0, end - begin);
}

uint64_t Arena::ResidentBytes() const {
  struct stat status;
  return fstat(descriptor()->get(), &status) == 0 ? static_cast<uint64_t>(status.st_blocks) * 512 : 0;
}

}  // namespace mayfly
