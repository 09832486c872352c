import type { OuterProduct, Precision } from '@mayfly/native';
import type { Matrix } from './surface.js';

/** Computes products in order; settles when they are in memory. */
export interface ProductRunner {
  run(products: readonly OuterProduct[]): Promise<void>;
}

/**
 * Weight gradients that host threads compute while the next kernels run. Tasks of one key (a layer half) run in the order
 * they came, so that every gradient is the same sum whatever the threads. A task reads its operands until it is settled.
 */
export class WeightGradients {
  readonly #runner: ProductRunner;
  readonly #pending = new Map<string, Promise<void>>();

  constructor(runner: ProductRunner) {
    this.#runner = runner;
  }

  submit(key: string, products: readonly OuterProduct[]): void {
    const before = this.#pending.get(key);
    const task = before === undefined ? this.#runner.run(products) : before.then(() => this.#runner.run(products));
    // Whoever settles the key gets the error; until then it is nobody's unhandled rejection.
    task.catch(() => {});
    this.#pending.set(key, task);
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
