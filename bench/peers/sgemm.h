// A program of products of fp32 matrices, around one function of a library: `PEER SAMPLES SHAPE...` prints
// {"SHAPE": median seconds, "SHAPE error": relative error, …}. SHAPE is COUNTxMxNxK and NN, NT (B stored as its
// transpose) or TN: "12x256x256x64NT" is 12 products, one after the other. Errors are root mean squares against
// float64, over some rows.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// C = A·B, all row-major but for what is stored as its transpose.
static void Multiply(int transposed_a, int transposed_b, int m, int n, int k, const float* a, const float* b, float* c);

enum { kErrorRows = 16 };

static double Now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

static int Compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

static double Uniform(void) { return (rand() + 1.0) / (RAND_MAX + 2.0); }

static float* Normal(long count) {
  float* values = malloc(count * sizeof *values);
  for (long i = 0; i < count; ++i) values[i] = sqrt(-2 * log(Uniform())) * cos(6.283185307179586 * Uniform());
  return values;
}

static double RelativeError(int transposed_a, int transposed_b, int m, int n, int k, const float* a, const float* b,
                            const float* c) {
  double errors = 0, squares = 0;
  for (int i = 0; i < m && i < kErrorRows; ++i) {
    for (int j = 0; j < n; ++j) {
      double sum = 0;
      for (int p = 0; p < k; ++p) {
        const double left = transposed_a ? a[(long)p * m + i] : a[(long)i * k + p];
        sum += left * (transposed_b ? b[(long)j * k + p] : b[(long)p * n + j]);
      }
      const double error = c[(long)i * n + j] - sum;
      errors += error * error;
      squares += sum * sum;
    }
  }
  return sqrt(errors / squares);
}

int main(int argc, char** argv) {
  const int samples = argc > 1 ? atoi(argv[1]) : 0;
  if (samples < 1) return 2;
  double* seconds = malloc(samples * sizeof *seconds);
  for (int shape = 2; shape < argc; ++shape) {
    int count, m, n, k;
    char left, right;
    if (sscanf(argv[shape], "%dx%dx%dx%d%c%c", &count, &m, &n, &k, &left, &right) != 6) return 2;
    const int transposed_a = left == 'T', transposed_b = right == 'T';
    const long a_size = (long)m * k, b_size = (long)k * n, c_size = (long)m * n;
    float *a = Normal(count * a_size), *b = Normal(count * b_size), *c = Normal(count * c_size);
    for (int i = -2; i < samples; ++i) {
      const double start = Now();
      for (int item = 0; item < count; ++item) {
        Multiply(transposed_a, transposed_b, m, n, k, a + item * a_size, b + item * b_size, c + item * c_size);
      }
      if (i >= 0) seconds[i] = Now() - start;
    }
    qsort(seconds, samples, sizeof *seconds, Compare);
    printf("%s\"%s\": %.9f, \"%s error\": %.4g", shape == 2 ? "{" : ", ", argv[shape], seconds[samples / 2],
           argv[shape], RelativeError(transposed_a, transposed_b, m, n, k, a, b, c));
    free(a);
    free(b);
    free(c);
  }
  printf("}\n");
  return 0;
}
