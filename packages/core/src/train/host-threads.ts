import { addon, type NativeArena, type OuterProduct } from '@mayfly/native';
import { Piscina } from 'piscina';
import type { HostTask } from './host-thread.js';
import type { ProductRunner } from './weight-gradients.js';

/** Runs matrix products on arena memory beside the main thread, or on it where there are no threads. */
export class HostThreads implements ProductRunner {
  readonly #arena: NativeArena;
  readonly #threads: Piscina<HostTask, void> | null;

  /** @param count Threads; 0 computes within the call. Results are the same bit for bit. */
  constructor(arena: NativeArena, count: number) {
    this.#arena = arena;
    if (count === 0) this.#threads = null;
    else {
      const filename = new URL('./host-thread.js', import.meta.url).href;
      this.#threads = new Piscina({ filename, minThreads: count, maxThreads: count, concurrentTasksPerWorker: 1 });
    }
  }

  run(products: readonly OuterProduct[]): Promise<void> {
    if (this.#threads !== null) return this.#threads.run({ arena: this.#arena.id, products });
    addon.math.outerProducts(this.#arena, products);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#threads?.close();
  }
}
