import type { DeferredEmitter } from '../../deferred-emitter.js';
import type { KernelHandle } from '../kernel/kernel-handle.js';
import type { PoolEvents, WorkerState } from '../types.js';
import { type Budget, jittered } from '../worker/budget.js';
import { WorkHistory } from '../worker/latency.js';
import type { StartTransport } from '../worker/transport.js';
import { type WorkerOwner, WorkerProcess, type WorkerSetup } from '../worker/worker-process.js';
import type { Governor } from './governor.js';
import type { Health } from './health.js';

export type Worker = WorkerProcess<KernelHandle>;

export interface RosterOptions extends Omit<WorkerSetup, 'compileHistory' | 'pool'> {
  /** Workers that take kernels. */
  readonly workers: number;
  /** Started workers kept beside them. */
  readonly standby: number;
  readonly budget: Budget;
}

/**
 * The workers whose processes exist. Starts workers up to the configured number, as the governor allows. Processes, those that are
 * about to exit among them, never exceed `limit`.
 */
export class Roster {
  /** Every serving worker may have one predecessor that keeps its kernels until their next update, and one more is emptied. */
  readonly limit: number;
  readonly #start: StartTransport;
  readonly #options: RosterOptions;
  readonly #health: Health;
  readonly #governor: Governor;
  readonly #owner: WorkerOwner<KernelHandle>;
  readonly #events: DeferredEmitter<PoolEvents>;
  readonly #setup: WorkerSetup;
  readonly #workers = new Set<Worker>();
  /** Starts that wait for the governor. */
  #scheduled = 0;
  #ids = 0;
  #started = 0;
  #startError: Error | null = null;
  #stopped = false;
  #wake: (() => void)[] = [];

  constructor(
    start: StartTransport,
    options: RosterOptions,
    health: Health,
    governor: Governor,
    owner: WorkerOwner<KernelHandle>,
    events: DeferredEmitter<PoolEvents>,
  ) {
    this.limit = 2 * options.workers + options.standby + 1;
    this.#start = start;
    this.#options = options;
    this.#health = health;
    this.#governor = governor;
    this.#owner = owner;
    this.#events = events;
    this.#setup = { ...options, compileHistory: new WorkHistory(), pool: events };
  }

  get size(): number {
    return this.#workers.size;
  }

  get all(): readonly Worker[] {
    return [...this.#workers];
  }

  /** Workers in one of these states that were not given up, oldest first. */
  in(...states: readonly WorkerState[]): Worker[] {
    return this.all.filter((worker) => states.includes(worker.state) && !worker.lost);
  }

  /** Workers started since the pool was made. */
  get started(): number {
    return this.#started;
  }

  /** Whether a worker is starting. */
  get expecting(): boolean {
    return this.#scheduled > 0 || this.in('starting').length > 0;
  }

  /** Why no worker could be started; null after a worker became ready. */
  get startError(): Error | null {
    return this.#startError;
  }

  /** Whether `stop` was called. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Starts workers until `workers` serve and `standby` are kept ready. */
  replenish(): void {
    const { workers, standby } = this.#options;
    const there = this.in('serving', 'standby', 'starting').length + this.#scheduled;
    const room = this.limit - this.size - this.#scheduled;
    for (let missing = Math.min(workers + standby - there, room); missing > 0 && !this.#stopped; missing--) {
      this.#scheduled += 1;
      void this.#governor.start(() => this.#startWorker()).finally(() => this.notify());
    }
  }

  /** Lets a standby serve from now on. */
  promote(standby: Worker): void {
    standby.serve();
    this.#events.emit('workerServe', { worker: standby.id, pid: standby.pid });
    this.#health.started();
    this.replenish();
  }

  /** Notes that a worker became ready, so that starts succeed. */
  ready({ id, pid, usage }: Worker): void {
    this.#startError = null;
    this.#events.emit('workerReady', { worker: id, pid, ms: usage.ageMs });
  }

  /** Notes that starts failed too often in a row: until a worker becomes ready, calls fail instead of waiting for one. */
  giveUp(error: Error): void {
    this.#startError = error;
  }

  /** The worker's process was reaped. */
  delete(worker: Worker): void {
    this.#workers.delete(worker);
  }

  /** Settles at the next change: a worker became ready, serves, retires or exits, or starts were given up. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Starts nothing more. */
  stop(): void {
    this.#stopped = true;
    this.notify();
  }

  async #startWorker(): Promise<void> {
    this.#scheduled -= 1;
    if (this.#stopped) return;
    const { workers, budget } = this.#options;
    const id = ++this.#ids;
    let worker: Worker;
    try {
      const own = workers > 1 ? jittered(budget, id) : budget;
      worker = new WorkerProcess<KernelHandle>(id, this.#start, this.#setup, own, this.#owner);
    } catch (cause) {
      this.#owner.startFailed(cause);
      return;
    }
    this.#workers.add(worker);
    this.#started += 1;
    this.#events.emit('workerStart', { worker: id, pid: worker.pid, budget: worker.budget });
    while (worker.state === 'starting') await this.change();
  }
}
