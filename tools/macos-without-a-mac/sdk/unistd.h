#pragma once

#include <sys/cdefs.h>
#include <sys/types.h>

DARWIN_BEGIN
#define STDERR_FILENO 2
#define _SC_PAGESIZE 29
#define _SC_NPROCESSORS_ONLN 58
int close(int);
ssize_t read(int, void*, size_t);
ssize_t write(int, const void*, size_t);
ssize_t pread(int, void*, size_t, off_t);
off_t lseek(int, off_t, int);
int ftruncate(int, off_t);
int pipe(int[2]);
int dup(int);
int dup2(int, int);
int unlink(const char*);
int usleep(useconds_t);
long sysconf(int);
pid_t getpid(void);
pid_t getppid(void);
uid_t getuid(void);
[[noreturn]] void _exit(int);
DARWIN_END
