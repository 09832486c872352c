#pragma once

#include <stddef.h>
#include <sys/cdefs.h>
#include <sys/types.h>

DARWIN_BEGIN
typedef struct {
  int quot, rem;
} div_t;
typedef struct {
  long quot, rem;
} ldiv_t;
typedef struct {
  long long quot, rem;
} lldiv_t;
extern int __mb_cur_max;
#define MB_CUR_MAX __mb_cur_max
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define RAND_MAX 0x7fffffff

[[noreturn]] void abort(void);
int atexit(void (*)(void));
[[noreturn]] void exit(int);
[[noreturn]] void _Exit(int);
void* malloc(size_t);
void* calloc(size_t, size_t);
void* realloc(void*, size_t);
int posix_memalign(void**, size_t, size_t);
void* aligned_alloc(size_t, size_t);
void free(void*);
char* getenv(const char*);
int setenv(const char*, const char*, int);
int abs(int);
long labs(long);
long long llabs(long long);
div_t div(int, int);
ldiv_t ldiv(long, long);
lldiv_t lldiv(long long, long long);
double atof(const char*);
int atoi(const char*);
double strtod(const char*, char**);
float strtof(const char*, char**);
long double strtold(const char*, char**);
long strtol(const char*, char**, int);
long long strtoll(const char*, char**, int);
unsigned long strtoul(const char*, char**, int);
unsigned long long strtoull(const char*, char**, int);
void qsort(void*, size_t, size_t, int (*)(const void*, const void*));
char* realpath(const char*, char*);
DARWIN_END
