#pragma once

#include <sched.h>
#include <sys/cdefs.h>
#include <sys/types.h>
#include <time.h>

DARWIN_BEGIN
#define DARWIN_OPAQUE(name, bytes) \
  typedef struct {                 \
    long sig;                      \
    char opaque[bytes];            \
  } name;
DARWIN_OPAQUE(pthread_mutex_t, 56)
DARWIN_OPAQUE(pthread_mutexattr_t, 8)
DARWIN_OPAQUE(pthread_cond_t, 40)
DARWIN_OPAQUE(pthread_condattr_t, 8)
DARWIN_OPAQUE(pthread_rwlock_t, 192)
DARWIN_OPAQUE(pthread_once_t, 8)
DARWIN_OPAQUE(pthread_attr_t, 56)
typedef struct _opaque_pthread_t* pthread_t;
typedef unsigned long pthread_key_t;
// clang-format off
#define PTHREAD_MUTEX_INITIALIZER {0x32AAABA7, {0}}
#define PTHREAD_COND_INITIALIZER {0x3CB0B1BB, {0}}
#define PTHREAD_ONCE_INIT {0x30B1BCBA, {0}}
// clang-format on
#define PTHREAD_MUTEX_RECURSIVE 2

int pthread_create(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
int pthread_join(pthread_t, void**);
int pthread_detach(pthread_t);
int pthread_equal(pthread_t, pthread_t);
pthread_t pthread_self(void);
int pthread_setname_np(const char*);
int pthread_once(pthread_once_t*, void (*)(void));
int pthread_key_create(pthread_key_t*, void (*)(void*));
void* pthread_getspecific(pthread_key_t);
int pthread_setspecific(pthread_key_t, const void*);
int pthread_mutex_init(pthread_mutex_t*, const pthread_mutexattr_t*);
int pthread_mutex_lock(pthread_mutex_t*);
int pthread_mutex_trylock(pthread_mutex_t*);
int pthread_mutex_unlock(pthread_mutex_t*);
int pthread_mutex_destroy(pthread_mutex_t*);
int pthread_mutexattr_init(pthread_mutexattr_t*);
int pthread_mutexattr_settype(pthread_mutexattr_t*, int);
int pthread_mutexattr_destroy(pthread_mutexattr_t*);
int pthread_cond_signal(pthread_cond_t*);
int pthread_cond_broadcast(pthread_cond_t*);
int pthread_cond_wait(pthread_cond_t*, pthread_mutex_t*);
int pthread_cond_timedwait(pthread_cond_t*, pthread_mutex_t*, const struct timespec*);
int pthread_cond_destroy(pthread_cond_t*);
DARWIN_END
