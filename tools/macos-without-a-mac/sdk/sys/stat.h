#pragma once

#include <sys/cdefs.h>
#include <sys/types.h>
#include <time.h>

DARWIN_BEGIN
struct stat {
  dev_t st_dev;
  mode_t st_mode;
  nlink_t st_nlink;
  ino_t st_ino;
  uid_t st_uid;
  gid_t st_gid;
  dev_t st_rdev;
  struct timespec st_atimespec, st_mtimespec, st_ctimespec, st_birthtimespec;
  off_t st_size;
  blkcnt_t st_blocks;
  blksize_t st_blksize;
  uint32_t st_flags, st_gen;
  int32_t st_lspare;
  int64_t st_qspare[2];
};
int stat(const char*, struct stat*) DARWIN_INODE64(stat);
int fstat(int, struct stat*) DARWIN_INODE64(fstat);
#define S_IFMT 0170000
#define S_IFREG 0100000
#define S_ISREG(mode) (((mode) & S_IFMT) == S_IFREG)
int mkdir(const char*, mode_t);
DARWIN_END

#ifdef __cplusplus
static_assert(sizeof(struct stat) == 144);
#endif
