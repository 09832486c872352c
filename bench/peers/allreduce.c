// MPI's own sum over the ranks, in place, of as many fp32 elements as fit in BYTES.
//
//   mpirun -n RANKS allreduce RANKS BYTES WARMUP COUNT
//
// Rank 0 prints one line of JSON: the p50 and p99 of a call in milliseconds, from a barrier on.
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

static int Compare(const void* a, const void* b) {
  const double x = *(const double*)a, y = *(const double*)b;
  return (x > y) - (x < y);
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const int ranks = atoi(argv[1]), elements = atoi(argv[2]) / (int)sizeof(float);
  const int warmup = atoi(argv[3]), count = atoi(argv[4]);
  int rank, size;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (size != ranks) {
    // A process of another MPI's launcher takes itself for rank 0 of 1.
    fprintf(stderr, "Error: compiled for another MPI than the launcher's\n");
    return 1;
  }
  float* data = malloc(elements * sizeof(float));
  double* took = malloc(count * sizeof(double));
  if (data == NULL || took == NULL) return 1;
  for (int i = 0; i < elements; i++) data[i] = 0;
  for (int call = -warmup; call < count; call++) {
    MPI_Barrier(MPI_COMM_WORLD);
    const double began = MPI_Wtime();
    MPI_Allreduce(MPI_IN_PLACE, data, elements, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    if (call >= 0) took[call] = (MPI_Wtime() - began) * 1e3;
  }
  if (rank == 0) {
    qsort(took, count, sizeof(double), Compare);
    printf("{\"p50\":%.4f,\"p99\":%.4f}\n", took[count / 2], took[count * 99 / 100]);
  }
  MPI_Finalize();
  return 0;
}
