// Greedy generation from a llama2.c checkpoint (version 0), one token at a time with a cache of keys and values: fp32,
// plain loops, OpenMP over the rows of products and over heads, as llama2.c does it. Prints JSON. llama_generate FILE
// TOKENS
#define _GNU_SOURCE
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int dim, hidden, layers, heads, kv_heads, vocab, context;

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double processor_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

// What getrusage says of a process that was started by a larger one is that one's.
static double resident_mib(void) {
  long pages = 0;
  FILE* file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
  if (file != NULL) fclose(file);
  return (double)pages * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

// y = W·x
static void multiply(const float* w, const float* x, float* y, int rows, int columns) {
#pragma omp parallel for
  for (int r = 0; r < rows; r++) {
    const float* row = w + (size_t)r * columns;
    float sum = 0;
    for (int c = 0; c < columns; c++) sum += row[c] * x[c];
    y[r] = sum;
  }
}

static void normalize(const float* x, const float* weight, float* y) {
  float squares = 0;
  for (int i = 0; i < dim; i++) squares += x[i] * x[i];
  const float scale = 1.0f / sqrtf(squares / dim + 1e-5f);
  for (int i = 0; i < dim; i++) y[i] = weight[i] * (x[i] * scale);
}

static void rotate(float* x, int count, int size, int position) {
  for (int h = 0; h < count; h++) {
    for (int i = 0; i < size; i += 2) {
      float* pair = x + h * size + i;
      const float angle = position * powf(10000.0f, -(float)i / size), c = cosf(angle), s = sinf(angle);
      const float a = pair[0], b = pair[1];
      pair[0] = a * c - b * s;
      pair[1] = a * s + b * c;
    }
  }
}

int main(int count, char** arguments) {
  if (count != 3) return 2;
  const int tokens = atoi(arguments[2]);
  const int file = open(arguments[1], O_RDONLY);
  struct stat status;
  if (file < 0 || fstat(file, &status) != 0) return 1;
  const char* data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
  if (data == MAP_FAILED) return 1;
  int32_t header[7];
  memcpy(header, data, sizeof header);
  dim = header[0], hidden = header[1], layers = header[2], heads = header[3], kv_heads = header[4];
  vocab = abs(header[5]), context = header[6];
  const int size = dim / heads, kv = kv_heads * size;
  const float* at = (const float*)(data + sizeof header);
#define TAKE(name, elements) \
  const float* name = at;    \
  at += (size_t)(elements)
  TAKE(embedding, (size_t)vocab * dim);
  TAKE(attention_norm, (size_t)layers * dim);
  TAKE(wq, (size_t)layers * dim * dim);
  TAKE(wk, (size_t)layers * kv * dim);
  TAKE(wv, (size_t)layers * kv * dim);
  TAKE(wo, (size_t)layers * dim * dim);
  TAKE(mlp_norm, (size_t)layers * dim);
  TAKE(w1, (size_t)layers * hidden * dim);
  TAKE(w2, (size_t)layers * dim * hidden);
  TAKE(w3, (size_t)layers * hidden * dim);
  TAKE(final_norm, dim);
  at += (size_t)context * size;
  const float* head = header[5] > 0 ? embedding : at;
  float* memory =
      calloc((size_t)(6 * dim + 2 * hidden + vocab) + (size_t)heads * context + 2 * (size_t)layers * context * kv,
             sizeof(float));
  if (memory == NULL) return 1;
  float *x = memory, *xn = x + dim, *q = xn + dim, *mixed = q + dim, *y = mixed + dim;
  float *h1 = y + dim, *h3 = h1 + hidden, *logits = h3 + hidden, *scores = logits + vocab;
  float *keys = scores + (size_t)heads * context, *values = keys + (size_t)layers * context * kv;
  int token = 1;
  double first = 0, first_processor = 0;
  printf("{\"ids\":[");
  for (int position = 0; position < tokens && position < context; position++) {
    memcpy(x, embedding + (size_t)token * dim, (size_t)dim * sizeof(float));
    for (int l = 0; l < layers; l++) {
      float *own_keys = keys + (size_t)l * context * kv, *own_values = values + (size_t)l * context * kv;
      float *k = own_keys + (size_t)position * kv, *v = own_values + (size_t)position * kv;
      normalize(x, attention_norm + l * dim, xn);
      multiply(wq + (size_t)l * dim * dim, xn, q, dim, dim);
      multiply(wk + (size_t)l * kv * dim, xn, k, kv, dim);
      multiply(wv + (size_t)l * kv * dim, xn, v, kv, dim);
      rotate(q, heads, size, position);
      rotate(k, kv_heads, size, position);
#pragma omp parallel for
      for (int h = 0; h < heads; h++) {
        const int shared = h / (heads / kv_heads) * size;
        float *row = scores + (size_t)h * context, most = -INFINITY, total = 0;
        for (int t = 0; t <= position; t++) {
          float sum = 0;
          for (int i = 0; i < size; i++) sum += q[h * size + i] * own_keys[(size_t)t * kv + shared + i];
          row[t] = sum / sqrtf((float)size);
          if (row[t] > most) most = row[t];
        }
        for (int t = 0; t <= position; t++) total += row[t] = expf(row[t] - most);
        for (int i = 0; i < size; i++) mixed[h * size + i] = 0;
        for (int t = 0; t <= position; t++) {
          const float weight = row[t] / total;
          for (int i = 0; i < size; i++) mixed[h * size + i] += weight * own_values[(size_t)t * kv + shared + i];
        }
      }
      multiply(wo + (size_t)l * dim * dim, mixed, y, dim, dim);
      for (int i = 0; i < dim; i++) x[i] += y[i];
      normalize(x, mlp_norm + l * dim, xn);
      multiply(w1 + (size_t)l * hidden * dim, xn, h1, hidden, dim);
      multiply(w3 + (size_t)l * hidden * dim, xn, h3, hidden, dim);
      for (int i = 0; i < hidden; i++) h1[i] = h1[i] / (1.0f + expf(-h1[i])) * h3[i];
      multiply(w2 + (size_t)l * dim * hidden, h1, y, dim, hidden);
      for (int i = 0; i < dim; i++) x[i] += y[i];
    }
    normalize(x, final_norm, x);
    multiply(head, x, logits, vocab, dim);
    token = 0;
    for (int i = 1; i < vocab; i++) {
      if (logits[i] > logits[token]) token = i;
    }
    printf("%s%d", position == 0 ? "" : ",", token);
    if (position == 0) first = seconds(), first_processor = processor_seconds();
  }
  printf("],\"seconds\":%.9f,\"processor\":%.9f,\"mib\":%.1f}\n", seconds() - first,
         processor_seconds() - first_processor, resident_mib());
  return 0;
}
