#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <sys/cdefs.h>
#include <sys/types.h>

DARWIN_BEGIN
typedef struct __sFILE FILE;
typedef off_t fpos_t;
extern FILE* __stdinp;
extern FILE* __stdoutp;
extern FILE* __stderrp;
#define stdin __stdinp
#define stdout __stdoutp
#define stderr __stderrp
#define EOF (-1)
#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define BUFSIZ 1024

FILE* fopen(const char*, const char*);
FILE* fdopen(int, const char*);
int fclose(FILE*);
int fflush(FILE*);
int fprintf(FILE*, const char*, ...) __attribute__((format(printf, 2, 3)));
int snprintf(char*, size_t, const char*, ...) __attribute__((format(printf, 3, 4)));
int sscanf(const char*, const char*, ...) __attribute__((format(scanf, 2, 3)));
int vsnprintf(char*, size_t, const char*, va_list);
int vsscanf(const char*, const char*, va_list);
int vasprintf(char**, const char*, va_list);
size_t fread(void*, size_t, size_t, FILE*);
size_t fwrite(const void*, size_t, size_t, FILE*);
int fseek(FILE*, long, int);
int fseeko(FILE*, off_t, int);
off_t ftello(FILE*);
int getc(FILE*);
int ungetc(int, FILE*);
int fputs(const char*, FILE*);
int ferror(FILE*);
int feof(FILE*);
int remove(const char*);
int rename(const char*, const char*);
DARWIN_END
