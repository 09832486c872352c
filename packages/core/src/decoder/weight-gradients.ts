import { addon, type NativeArena, type OuterProduct, type Precision } from '@mayfly/native';
import type { ProductSum } from './gradient-sums.js';
import { PendingTasks } from './pending-tasks.js';
import type { Matrix } from './surface.js';

/**
 * Weight gradients, computed on the host-math queue while the next kernels run. Tasks run in the order in which they were
 * submitted, so every gradient is the same sum whatever the number of threads. A task reads its operands until it is settled. Its part is
 * the block of a layer whose surfaces it reads, or a table.
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

  submit(part: object | string, products: readonly OuterProduct[]): void {
    if (this.#threads === 0) {
      addon.math.outerProducts(this.#arena, products);
      return;
    }
    this.add(part, addon.mathQueue.outerProducts(this.#arena, products, this.#threads));
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
