import { availableParallelism } from 'node:os';
import { addon, type NativeArena, type OuterProduct } from '@mayfly/native';
import { Piscina } from 'piscina';
import type { HostTask, HostThreadData } from './host-thread.js';
import { shareProducts } from './share-products.js';
import type { ProductRunner } from './weight-gradients.js';

/** Runs matrix products on arena memory beside the main thread, or on it where there are no threads. */
export class HostThreads implements ProductRunner {
  readonly #arena: NativeArena;
  readonly #count: number;
  #threads: Piscina<HostTask, void> | null = null;

  /** @param count Threads; 0 computes within the call. Results are the same bit for bit. */
  constructor(arena: NativeArena, count: number) {
    this.#arena = arena;
    this.#count = count;
  }

  /** Starts the threads, which `run` does otherwise: they take a while. Idempotent. */
  start(): Piscina<HostTask, void> | null {
    const count = this.#count;
    if (count === 0) return null;
    this.#threads ??= new Piscina({
      filename: new URL('./host-thread.js', import.meta.url).href,
      ...{ minThreads: count, maxThreads: count, concurrentTasksPerWorker: 1 },
      workerData: { spread: count === availableParallelism() } satisfies HostThreadData,
    });
    return this.#threads;
  }

  async run(products: readonly OuterProduct[]): Promise<void> {
    const threads = this.start();
    if (threads === null) return addon.math.outerProducts(this.#arena, products);
    const shares = shareProducts(products, this.#count);
    await Promise.all(shares.map((share) => threads.run({ arena: this.#arena.id, products: share })));
  }

  async close(): Promise<void> {
    await this.#threads?.close();
  }
}
