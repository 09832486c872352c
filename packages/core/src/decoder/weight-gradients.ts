import { addon, type NativeArena, type OuterProduct, type Precision } from '@mayfly/native';
import type { ProductSum } from './gradient-sums.js';
import { PendingTasks } from './pending-tasks.js';
import type { Matrix } from './surface.js';

/**
 * Weight gradients, computed on the host-math queue while the next kernels run. A task reads its operands until it is settled. Its part is
 * the half of a layer whose surfaces it reads, or a turn of the tables' tensors. Every gradient is the same sum whatever the number of threads,
 * since the tasks that write it have one rank or wait for each other.
 */
export class WeightGradients extends PendingTasks<object | string> {
  readonly #arena: NativeArena;
  readonly #threads: number;

  /** @param threads Number of threads at most; 0 computes within `submit`, on the calling thread. */
  constructor(arena: NativeArena, threads: number) {
    super();
    this.#arena = arena;
    this.#threads = threads;
  }

  /**
   * Queues products.
   *
   * @param rank The products begin when no task of a lower rank waits. Default: 0, the lowest.
   */
  submit(part: object | string, products: readonly OuterProduct[], rank = 0): void {
    if (this.#threads === 0) addon.math.outerProducts(this.#arena, products);
    else this.hold(part, rank, () => addon.mathQueue.outerProducts(this.#arena, products, this.#threads));
  }

  /**
   * Queues a task that begins when nothing of a lower rank waits in the queue.
   *
   * @param queue Makes its calls of the queue before it returns.
   * @param after It is queued then. Default: at once.
   */
  hold(
    part: object | string,
    rank: number,
    queue: () => Promise<unknown>,
    after: Promise<unknown> | null = null,
  ): void {
    this.add(part, after === null ? atRank(rank, queue) : after.then(() => atRank(rank, queue)));
  }
}

function atRank<Result>(rank: number, queue: () => Result): Result {
  addon.mathQueue.rank(rank);
  try {
    return queue();
  } finally {
    addon.mathQueue.rank(0);
  }
}

/** dW = dY·Xᵀ for y = W·x, or a sum with it. */
export function weightGradient(
  dy: Matrix,
  x: Matrix,
  { gradient, ...options }: ProductSum & { readonly precision: Precision },
): OuterProduct {
  return {
    a: dy.offset,
    aType: 'fp16',
    aStride: dy.stride,
    b: x.offset,
    bType: 'fp16',
    bStride: x.stride,
    c: gradient,
    m: dy.rows,
    n: x.rows,
    k: dy.columns,
    ...options,
  };
}
