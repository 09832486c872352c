import type { Precision } from '@mayfly/native';
import { noWorkerError } from '../errors.js';
import { type Budget, jittered } from '../worker/budget.js';
import type { Clock } from '../worker/clock.js';
import type { StartTransport } from '../worker/transport.js';
import { WorkHistory } from '../worker/work-history.js';
import { WorkerProcess } from '../worker/worker-process.js';
import type { WorkerListener, WorkerTimeouts } from '../worker/worker-setup.js';
import type { Governor } from './governor.js';
import type { Health } from './health.js';
import type { Roster } from './roster.js';

export interface RecruiterOptions {
  readonly device: string;
  /** Workers that take kernels. */
  readonly workers: number;
  /** Started workers kept beside them. */
  readonly standby: number;
  /** Threads of each worker's device. */
  readonly threads: number;
  /** Of the cpu device. */
  readonly precision: Precision;
  readonly budget: Budget;
  readonly timeouts: WorkerTimeouts;
  /** Of the pool: all deadlines and pauses go by it. */
  readonly clock: Clock;
}

/** What the owner of a recruiter is told. */
export interface RecruiterListener extends WorkerListener {
  onStart(worker: WorkerProcess): void;
  /** Starts failed too often in a row. */
  onGaveUp(error: Error): void;
}

/**
 * Starts workers until there are as many as there should be, as the governor allows. There are never more processes than
 * `limit`, whatever happens to them: those that still leave count.
 */
export class Recruiter {
  /** Every serving worker may have one predecessor that keeps its kernels until their next update, and one more is emptied. */
  readonly limit: number;
  readonly #start: StartTransport;
  readonly #options: RecruiterOptions;
  readonly #roster: Roster;
  readonly #health: Health;
  readonly #governor: Governor;
  readonly #listener: RecruiterListener;
  readonly #compileHistory = new WorkHistory();
  #scheduled = 0;
  #ids = 0;
  #stopped = false;

  constructor(
    start: StartTransport,
    options: RecruiterOptions,
    roster: Roster,
    health: Health,
    governor: Governor,
    listener: RecruiterListener,
  ) {
    this.limit = 2 * options.workers + options.standby + 1;
    this.#start = start;
    this.#options = options;
    this.#roster = roster;
    this.#health = health;
    this.#governor = governor;
    this.#listener = listener;
  }

  /** Somebody who was not there is on the way. */
  get expecting(): boolean {
    return this.#scheduled > 0 || this.#roster.in('starting').length > 0;
  }

  /** Starts what is missing to `workers` that serve and `standby` beside them. */
  replenish(): void {
    const { workers, standby } = this.#options;
    const there = this.#roster.in('serving', 'standby', 'starting').length + this.#scheduled;
    const room = this.limit - this.#roster.size - this.#scheduled;
    for (let missing = Math.min(workers + standby - there, room); missing > 0 && !this.#stopped; missing--) {
      this.#scheduled += 1;
      void this.#governor.start(() => this.#startWorker()).finally(() => this.#roster.notify());
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async #startWorker(): Promise<void> {
    this.#scheduled -= 1;
    if (this.#stopped) return;
    const { workers, budget } = this.#options;
    const id = ++this.#ids;
    let worker: WorkerProcess;
    try {
      const setup = { ...this.#options, compileHistory: this.#compileHistory };
      worker = new WorkerProcess(id, this.#start, setup, workers > 1 ? jittered(budget, id) : budget, this.#listener);
    } catch (cause) {
      this.#health.failedStart();
      if (this.#health.exhausted) this.#listener.onGaveUp(noWorkerError(cause, this.#health.deaths));
      this.replenish();
      return;
    }
    this.#roster.add(worker);
    this.#listener.onStart(worker);
    while (worker.state === 'starting') await this.#roster.change();
  }
}
