// What the machine can do: `machine THREADS` prints {"avx512": GFLOP/s or 0, "avx2": …, "stream": GB/s}. The first two
// are fused multiply-adds on registers, the best of several; the third, their median, is a = a·c + b over 256 MiB
// arrays, three of them read and two written, as an optimizer's step reads and writes.
#include <immintrin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { kMostThreads = 256, kRepetitions = 7, kChains = 12 };
static const long kSteps = 4000000, kFloats = 64l << 20;

static float* arrays[3];
static int threads;
static volatile float sink;

static double Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

__attribute__((target("avx512f"))) static void* Avx512(void* unused) {
  __m512 sums[kChains], factor = _mm512_set1_ps(0.5f);
  for (int i = 0; i < kChains; ++i) sums[i] = _mm512_set1_ps(i);
  for (long step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], factor, factor);
  }
  for (int i = 0; i < kChains; ++i) sink = _mm512_cvtss_f32(sums[i]);
  return unused;
}

__attribute__((target("avx2,fma"))) static void* Avx2(void* unused) {
  __m256 sums[kChains], factor = _mm256_set1_ps(0.5f);
  for (int i = 0; i < kChains; ++i) sums[i] = _mm256_set1_ps(i);
  for (long step = 0; step < kSteps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = _mm256_fmadd_ps(sums[i], factor, factor);
  }
  for (int i = 0; i < kChains; ++i) sink = _mm256_cvtss_f32(sums[i]);
  return unused;
}

__attribute__((optimize("O3"), target("avx2,fma"))) static void* Stream(void* index) {
  const long first = kFloats / threads * (long)index;
  float* restrict a = arrays[0] + first, * restrict b = arrays[1] + first;
  const float* restrict c = arrays[2] + first;
  for (long i = 0; i < kFloats / threads; ++i) {
    a[i] = a[i] * 0.5f + c[i];
    b[i] = b[i] * 0.5f + c[i];
  }
  return NULL;
}

static int Compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

// The quickest repetition, or the one in the middle.
static double Seconds(void* (*body)(void*), int quickest) {
  double took[kRepetitions];
  pthread_t started[kMostThreads];
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    const double start = Now();
    for (long i = 1; i < threads; ++i) pthread_create(&started[i], NULL, body, (void*)i);
    body(NULL);
    for (int i = 1; i < threads; ++i) pthread_join(started[i], NULL);
    took[repetition] = Now() - start;
  }
  qsort(took, kRepetitions, sizeof *took, Compare);
  return took[quickest ? 0 : kRepetitions / 2];
}

int main(int argc, char** argv) {
  threads = argc > 1 ? atoi(argv[1]) : 0;
  if (threads < 1 || threads > kMostThreads) return 2;
  for (int i = 0; i < 3; ++i) {
    arrays[i] = aligned_alloc(2 << 20, kFloats * sizeof(float));
    madvise(arrays[i], kFloats * sizeof(float), MADV_HUGEPAGE);
    memset(arrays[i], 0, kFloats * sizeof(float));
  }
  const double operations = 2.0 * kChains * kSteps * threads * 1e-9;
  const double avx512 = __builtin_cpu_supports("avx512f") ? 16 * operations / Seconds(Avx512, 1) : 0;
  const double avx2 = __builtin_cpu_supports("avx2") ? 8 * operations / Seconds(Avx2, 1) : 0;
  const double stream = 5e-9 * kFloats * sizeof(float) / Seconds(Stream, 0);
  printf("{\"avx512\": %.1f, \"avx2\": %.1f, \"stream\": %.1f}\n", avx512, avx2, stream);
  return 0;
}
