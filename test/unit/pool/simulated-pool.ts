import { Clock, type Kernel, Pool, type PoolOptions, resolvePoolOptions, type Tensor } from '@mayfly/core/testing';
import type { SimulatedWorker } from './simulated-worker.js';
import { SimulatedWorkers } from './simulated-workers.js';

/** A pool on workers that the test steps by hand. */
export class SimulatedPool {
  readonly simulated = new SimulatedWorkers();
  readonly pool: Pool;
  /** What every run reads and writes. */
  readonly tensor: Tensor;

  constructor(options: PoolOptions, clock = new Clock()) {
    const filled = resolvePoolOptions({ budget: {}, arenaBytes: 2 ** 20, ...options });
    this.pool = new Pool(filled, this.simulated.transport, clock);
    this.tensor = this.pool.arena.tensor('fp32', [1]);
  }

  /** Started and ready. */
  static async open(options: PoolOptions, clock?: Clock): Promise<SimulatedPool> {
    const made = new SimulatedPool(options, clock);
    const opened = made.pool.open();
    await made.settle();
    await opened;
    return made;
  }

  /** The n-th worker that was started, from 1. */
  worker(id: number): SimulatedWorker {
    const found = this.simulated.workers[id - 1];
    if (found === undefined) throw new Error(`worker ${id} was not started`);
    return found;
  }

  /** Ids of workers whose process is there. */
  get processes(): number[] {
    return this.simulated.processes.map(({ id }) => id);
  }

  /** Lets everyone do what there is to do, but for `idle` workers. */
  async settle(...idle: readonly number[]): Promise<void> {
    for (const id of idle) this.worker(id).hung = true;
    await this.simulated.settle();
    for (const id of idle) this.worker(id).hung = false;
  }

  async kernel(text = ''): Promise<Kernel> {
    const compiled = this.pool.compile({ text, weights: { w: new Uint8Array([7]) } });
    await this.settle();
    return compiled;
  }

  /** A call that is not waited for: gives its outcome, `ok` or the code of its error. */
  run(kernel: Kernel, options?: { signal: AbortSignal }): Promise<string> {
    return outcome(kernel.run(this.tensor, this.tensor, options));
  }

  /** Runs to the end, with everyone at work. */
  async ran(kernel: Kernel): Promise<string> {
    const running = this.run(kernel);
    await this.settle();
    return running;
  }

  async close(): Promise<void> {
    const closed = this.pool.close();
    await this.settle();
    await closed;
  }
}

export const outcome = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: Error & { code?: string }) => error.code ?? error.message,
  );
