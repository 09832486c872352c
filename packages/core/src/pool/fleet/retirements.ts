import { keepsKernels, type RetirementReason, retirementReason } from '../worker/budget.js';
import type { WorkerProcess } from '../worker/worker-process.js';
import type { Recruiter } from './recruiter.js';
import type { Roster } from './roster.js';

/**
 * Who of a fleet takes no more compilations, and who is emptied. A worker that is only out of compilations keeps its kernels
 * until each is updated, so that no compilation is wasted; all others are emptied at once, one worker at a time.
 */
export class Retirements {
  readonly #workers: number;
  readonly #roster: Roster;
  readonly #recruiter: Recruiter;
  readonly #onRetire: (worker: WorkerProcess, reason: RetirementReason) => void;
  /** The worker whose kernels move now; null while none is. The turn lasts until its process was reaped. */
  #leaving: WorkerProcess | null = null;
  #stopped = false;

  /** @param workers Those that serve; as many may linger. */
  constructor(
    workers: number,
    roster: Roster,
    recruiter: Recruiter,
    onRetire: (worker: WorkerProcess, reason: RetirementReason) => void,
  ) {
    this.#workers = workers;
    this.#roster = roster;
    this.#recruiter = recruiter;
    this.#onRetire = onRetire;
  }

  /** A worker is being emptied: others have to wait. */
  get underWay(): boolean {
    return this.#leaving !== null;
  }

  /** Retires or drains the worker if it is time. */
  check(worker: WorkerProcess): void {
    if (worker.lost || this.#stopped) return;
    if (worker.state === 'serving' && this.#leaving === null) {
      const reason = retirementReason(worker, worker.budget, 'evaluation');
      if (reason !== null) this.retire(worker, reason);
    } else if (worker.state === 'retiring' && keepsKernels(worker.retirement!)) this.#hurry(worker);
    const empty = worker.kernels.size === 0 && worker.reserved === 0 && worker.inFlight === 0;
    if (worker.state === 'retiring' && empty) void worker.drain();
  }

  /** Takes no more compilations there. Its kernels leave at their next update, or when it is its turn. */
  retire(worker: WorkerProcess, reason: RetirementReason): void {
    worker.become('retiring');
    worker.retirement = reason;
    this.#onRetire(worker, reason);
    this.#recruiter.replenish();
    this.#takeTurns();
    this.check(worker);
  }

  /** A worker's process was reaped. */
  exited(worker: WorkerProcess): void {
    if (this.#leaving === worker) this.#leaving = null;
    this.#takeTurns();
    for (const serving of this.#roster.in('serving')) this.check(serving);
  }

  /**
   * Whom to end so that a worker can be started: null while there may be one more process or one is about to end, else the
   * worker that has retired longest.
   */
  inTheWay(): WorkerProcess | null {
    if (this.#roster.size < this.#recruiter.limit) return null;
    const ending = this.#roster.size > this.#roster.in('starting', 'standby', 'serving', 'retiring').length;
    return ending ? null : (this.#roster.in('retiring')[0] ?? null);
  }

  /** Nobody moves any more. */
  stop(): void {
    this.#stopped = true;
  }

  /** The worker kept its kernels until their next update; now it has reached a limit after which it should evaluate no more. */
  #hurry(worker: WorkerProcess): void {
    const reason = retirementReason(worker, worker.budget, 'evaluation');
    if (reason === null) return;
    worker.retirement = reason;
    this.#takeTurns();
  }

  #takeTurns(): void {
    if (this.#leaving !== null || this.#stopped) return;
    const retiring = this.#roster.in('retiring');
    const due = retiring.find(({ retirement }) => !keepsKernels(retirement!));
    const next = due ?? (retiring.length > this.#workers ? retiring[0] : undefined);
    if (next === undefined) return;
    this.#leaving = next;
    next.evicting = true;
    for (const kernel of next.kernels) void kernel.reconcile();
  }
}
