import type { DeferredEmitter } from '../../deferred-emitter.js';
import type { PoolEvents } from '../types.js';
import { keepsKernels, type RetirementReason } from '../worker/budget.js';
import type { Roster, Worker } from './roster.js';

/**
 * Decides which workers compile nothing more, and which have to give up their kernels. A worker that has only used up its
 * compilations keeps each kernel until its next update, so that no compilation is wasted; the kernels of other retiring workers move
 * at once, one worker at a time.
 */
export class Retirements {
  readonly #workers: number;
  readonly #roster: Roster;
  readonly #events: DeferredEmitter<PoolEvents>;
  /** The worker whose kernels move now, until its process was reaped; null if none do. */
  #leaving: Worker | null = null;
  #count = 0;
  #stopped = false;

  /** @param workers Number of serving workers, and of retiring ones that may keep kernels until their updates. */
  constructor(workers: number, roster: Roster, events: DeferredEmitter<PoolEvents>) {
    this.#workers = workers;
    this.#roster = roster;
    this.#events = events;
  }

  /** Retirements since the pool was made. */
  get count(): number {
    return this.#count;
  }

  /** Whether a worker's kernels move now: other workers have to wait. */
  get underWay(): boolean {
    return this.#leaving !== null;
  }

  /** Retires the worker if it has reached a limit, and drains it if it holds nothing any more. */
  check(worker: Worker): void {
    if (worker.lost || this.#stopped) return;
    if (worker.state === 'serving' && this.#leaving === null) {
      const reason = worker.limit('evaluation');
      if (reason !== null) this.retire(worker, reason);
    } else if (worker.state === 'retiring' && keepsKernels(worker.retirement!)) this.#hurry(worker);
    const empty = worker.kernels.size === 0 && worker.usage.reserved === 0 && worker.inFlight === 0;
    if (worker.state !== 'retiring' || !empty) return;
    this.#events.emit('workerDrain', { worker: worker.id, pid: worker.pid });
    void worker.drain();
  }

  /** Stops compilations on the worker. Its kernels move at their next update, or all together when no other worker is moving its own. */
  retire(worker: Worker, reason: RetirementReason): void {
    worker.retire(reason);
    this.#count += 1;
    const { id, pid, kernels, usage } = worker;
    const { compilations, evaluations, ageMs } = usage;
    const event = { worker: id, pid, reason, compilations, evaluations, ageMs, kernels: kernels.size };
    this.#events.emit('workerRetire', event);
    this.#roster.replenish();
    this.#takeTurns();
    this.check(worker);
  }

  /** Retires serving workers, one after the other. */
  retireAll(serving: readonly Worker[]): void {
    for (const worker of serving) worker.requestReplacement();
    for (const worker of serving) this.check(worker);
  }

  /** The worker's process was reaped. */
  exited(worker: Worker): void {
    if (this.#leaving === worker) this.#leaving = null;
    this.#takeTurns();
    for (const serving of this.#roster.in('serving')) this.check(serving);
  }

  /**
   * The worker to end so that another can be started: the one that began to retire first. Null if another process may be started, or
   * one is about to end.
   */
  inTheWay(): Worker | null {
    if (this.#roster.size < this.#roster.limit) return null;
    const ending = this.#roster.size > this.#roster.in('starting', 'standby', 'serving', 'retiring').length;
    return ending ? null : (this.#roster.in('retiring')[0] ?? null);
  }

  /** Retires no more workers. */
  stop(): void {
    this.#stopped = true;
  }

  /** Moves the kernels that a retiring worker kept until their next update, since it has reached a limit of evaluations meanwhile. */
  #hurry(worker: Worker): void {
    const reason = worker.limit('evaluation');
    if (reason === null) return;
    worker.retire(reason);
    this.#takeTurns();
  }

  #takeTurns(): void {
    if (this.#leaving !== null || this.#stopped) return;
    const retiring = this.#roster.in('retiring');
    const due = retiring.find(({ retirement }) => !keepsKernels(retirement!));
    const next = due ?? (retiring.length > this.#workers ? retiring[0] : undefined);
    if (next === undefined) return;
    this.#leaving = next;
    next.evict();
    for (const kernel of next.kernels) void kernel.reconcile();
  }
}
