import { addon, type NativeArena, type OuterProduct, type Precision } from '@mayfly/native';
import type { Matrix } from './surface.js';

/**
 * Weight gradients, computed on the host-math queue while the next kernels run. Tasks run in the order in which they were
 * submitted, so every gradient is the same sum whatever the number of threads. A task reads its operands until it is settled.
 */
export class WeightGradients {
  readonly #arena: NativeArena;
  readonly #threads: number;
  /** By key: the half of a layer whose surfaces the tasks read. */
  readonly #pending = new Map<string, Promise<unknown>>();

  /** @param threads Number of threads at most; 0 computes within `submit`, on the calling thread. */
  constructor(arena: NativeArena, threads: number) {
    this.#arena = arena;
    this.#threads = threads;
  }

  submit(key: string, products: readonly OuterProduct[]): void {
    if (this.#threads === 0) {
      addon.math.outerProducts(this.#arena, products);
      return;
    }
    this.add(key, addon.mathQueue.outerProducts(this.#arena, products, this.#threads));
  }

  /** Adds a task that is on the queue already. */
  add(key: string, task: Promise<unknown>): void {
    const pending = Promise.all([this.#pending.get(key), task]);
    // The error reaches whoever settles the key; until then it must not count as an unhandled rejection.
    pending.catch(() => {});
    this.#pending.set(key, pending);
  }

  /** Resolves once the key's operands are free and its gradients final. */
  async settle(key: string): Promise<void> {
    const task = this.#pending.get(key);
    if (task === undefined) return;
    try {
      await task;
    } finally {
      if (this.#pending.get(key) === task) this.#pending.delete(key);
    }
  }

  /** Settles every key, then throws the first error. */
  async settleAll(): Promise<void> {
    const settled = await Promise.allSettled([...this.#pending.keys()].map((key) => this.settle(key)));
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
  }
}

export interface WeightGradientOptions {
  /** Arena offset of dW, fp32 [rows of dY, rows of X]. */
  readonly gradient: number;
  /** dW becomes the product, instead of the product being added to it. */
  readonly overwrite: boolean;
  readonly precision: Precision;
}

/** dW += dY·Xᵀ, or dW = it, for y = W·x. */
export function weightGradient(dy: Matrix, x: Matrix, { gradient, ...options }: WeightGradientOptions): OuterProduct {
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
