// Lists of matrix products, such as the weight gradients of a layer.
#pragma once

#include <vector>

#include "math/gemm/gemm.h"
#include "parallel/thread_pool.h"

namespace mayfly {

struct OuterProduct {
  GemmArgs product;  // c is fp32, with columns in a row; beta 0 or 1
  // fp32 like c: c becomes [c +] (… + (addends[1] + (addends[0] + the product))), each sum rounded.
  std::vector<const float*> addends;
};

// Computes `products` on at most `threads` threads, the caller among them. Products whose results share memory run in
// order, others side by side. The results are the same bits for any number of threads.
void OuterProducts(const std::vector<OuterProduct>& products, int threads, ThreadPool& pool);

}  // namespace mayfly
