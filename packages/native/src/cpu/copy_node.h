// Copies a view to another of the same shape, with any strides. The source may repeat elements.
#pragma once

#include "cpu/node.h"
#include "cpu/stream.h"

namespace mayfly::cpu {

class CopyNode : public Node {
 public:
  CopyNode(const View& from, const View& to);
  void Run(Buffers buffers, ThreadPool* pool) const override;

 private:
  template <class T>
  void RunTasks(Buffers buffers, int64_t begin, int64_t end) const;

  View from_, to_;
  // A task covers two loops, `rows_` × `columns_`, of which columns lie closer together in `to`. These are the others.
  Shape outer_;
  Shape from_outer_, to_outer_;
  int64_t rows_, columns_, from_row_, from_column_, to_row_, to_column_;
  int64_t row_block_, column_block_, row_blocks_, column_blocks_;
  int64_t tasks_;
};

}  // namespace mayfly::cpu
