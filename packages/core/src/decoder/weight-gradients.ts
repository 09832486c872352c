import { addon, MayflyError, type NativeArena, type OuterProduct, type Precision } from '@mayfly/native';
import type { ProductSum } from './gradient-sums.js';
import { PendingTasks } from './pending-tasks.js';
import type { Matrix } from './surface.js';

/** Tasks that are taken from those held back at a time: while one runs, the queue already has the next. */
const TAKEN = 2;

interface HeldTask {
  readonly rank: number;
  readonly queue: () => Promise<unknown>;
  readonly resolve: (task?: Promise<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Weight gradients, computed on the host-math queue while the next kernels run. A task reads its operands until it is settled. Its part is
 * the half of a layer whose surfaces it reads, or a turn of the tables' tensors. Every gradient is the same sum whatever the number of threads,
 * since the tasks that write it run in the order in which they were given.
 */
export class WeightGradients extends PendingTasks<object | string> {
  readonly #arena: NativeArena;
  readonly #threads: number;
  /** By rank, and then in the order in which they came. */
  readonly #held: HeldTask[] = [];
  #taken = 0;

  /** @param threads Number of threads at most; 0 computes within `submit`, on the calling thread. */
  constructor(arena: NativeArena, threads: number) {
    super();
    this.#arena = arena;
    this.#threads = threads;
  }

  /** Queues products at once. */
  submit(part: object | string, products: readonly OuterProduct[]): void {
    if (this.#threads === 0) addon.math.outerProducts(this.#arena, products);
    else this.add(part, this.#queueProducts(products));
  }

  /** Holds products back, as `hold` does. */
  holdProducts(part: object | string, rank: number, products: readonly OuterProduct[]): void {
    if (this.#threads === 0) this.submit(part, products);
    else this.hold(part, rank, () => this.#queueProducts(products));
  }

  /**
   * Holds a task back until the queue has done what was held back with a lower rank, or before with the same. What is queued meanwhile comes first.
   *
   * @param after It is held back from then on. Default: at once.
   */
  hold(
    part: object | string,
    rank: number,
    queue: () => Promise<unknown>,
    after: Promise<unknown> | null = null,
  ): void {
    const done = new Promise((resolve, reject) => {
      const add = () => {
        const next = this.#held.findIndex((each) => each.rank > rank);
        this.#held.splice(next === -1 ? this.#held.length : next, 0, { rank, queue, resolve, reject });
        this.#take();
      };
      if (after === null) add();
      else after.then(add, reject);
    });
    this.add(part, done);
  }

  /** Drops the tasks that are held back: whoever waits for one gets an error. Those that the queue has run on. */
  drop(): void {
    for (const { reject } of this.#held.splice(0)) {
      reject(new MayflyError('ERR_CLOSED', 'The decoder was disposed of before its weight gradients were computed'));
    }
  }

  #take(): void {
    while (this.#taken < TAKEN) {
      const next = this.#held.shift();
      if (next === undefined) return;
      this.#taken += 1;
      const task = next.queue();
      next.resolve(task);
      const ended = () => {
        this.#taken -= 1;
        this.#take();
      };
      task.then(ended, ended);
    }
  }

  #queueProducts(products: readonly OuterProduct[]): Promise<void> {
    return addon.mathQueue.outerProducts(this.#arena, products, this.#threads);
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
