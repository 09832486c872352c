// Lists of matrix products, such as the weight gradients of a layer.
#pragma once

#include <vector>

#include "math/gemm/gemm.h"
#include "parallel/thread_pool.h"

namespace mayfly {

// Computes `products` on at most `threads` threads, the caller among them. Products whose results share memory run in
// order, others side by side. The results are the same bits for any number of threads.
void OuterProducts(const std::vector<GemmArgs>& products, int threads, ThreadPool& pool);

}  // namespace mayfly
