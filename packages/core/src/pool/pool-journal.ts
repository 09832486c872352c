import type { DeferredEmitter } from './deferred-emitter.js';
import type { WorkerEnd } from './errors.js';
import type { MoveReason } from './kernel/kernel-host.js';
import type { PoolEvents, PoolStats } from './pool-events.js';
import type { RetirementReason } from './worker/budget.js';
import type { WorkerProcess } from './worker/worker-process.js';

/** Counts what happens in a pool, and tells its listeners of it. */
export class PoolJournal {
  readonly #events: DeferredEmitter<PoolEvents>;
  readonly #stalledMs: Record<MoveReason, number> = { compile: 0, update: 0, retire: 0, recover: 0, spread: 0 };
  #dispatches = 0;
  #workersStarted = 0;
  #retirements = 0;
  #deaths = 0;

  constructor(events: DeferredEmitter<PoolEvents>) {
    this.#events = events;
  }

  get counts(): Pick<PoolStats, 'dispatches' | 'workersStarted' | 'retirements' | 'deaths' | 'stalledMs'> {
    return {
      dispatches: this.#dispatches,
      workersStarted: this.#workersStarted,
      retirements: this.#retirements,
      deaths: this.#deaths,
      stalledMs: { ...this.#stalledMs },
    };
  }

  started({ id, pid }: WorkerProcess): void {
    this.#workersStarted += 1;
    this.#events.emit('workerStart', { worker: id, pid });
  }

  ready({ id, pid, ageMs }: WorkerProcess): void {
    this.#events.emit('workerReady', { worker: id, pid, ms: ageMs });
  }

  retired(worker: WorkerProcess, reason: RetirementReason): void {
    this.#retirements += 1;
    const { id, pid, compilations, evaluations, ageMs, kernels } = worker;
    this.#events.emit('workerRetire', {
      worker: id,
      pid,
      reason,
      compilations,
      evaluations,
      ageMs,
      kernels: kernels.size,
    });
  }

  /** @param expected It was told to. */
  exited(end: WorkerEnd, expected: boolean): void {
    if (!expected) this.#deaths += 1;
    this.#events.emit('workerExit', { ...end, expected });
  }

  answered(): void {
    this.#dispatches += 1;
  }

  stalled(reason: MoveReason, milliseconds: number): void {
    this.#stalledMs[reason] += milliseconds;
  }
}
