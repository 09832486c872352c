import type { Clock } from './clock.js';
import { HangWatch } from './hang-watch.js';
import type { Run } from './run.js';
import { RunQueue } from './run-queue.js';
import type { WorkerTimeouts } from './worker-setup.js';

const UNKNOWN_DISPATCH_MS = 60_000;

/** Runs that were sent to one worker and not answered, in that order, and the watch over the oldest. */
export class InFlight {
  readonly #runs = new RunQueue();
  readonly #timeouts: WorkerTimeouts;
  readonly #watch: HangWatch;
  #sequence = 0;

  /** @param overdue Called when the oldest was not answered by its deadline. */
  constructor(clock: Clock, timeouts: WorkerTimeouts, overdue: (oldest: Run, deadlineMs: number) => void) {
    this.#timeouts = timeouts;
    this.#watch = new HangWatch(clock, (deadlineMs) => overdue(this.#runs.first!, deadlineMs));
  }

  get size(): number {
    return this.#runs.size;
  }

  /** The longest that a dispatch sent before may take. */
  get patienceMs(): number {
    return this.#runs.size === 0 ? 0 : (this.#timeouts.dispatchMs ?? UNKNOWN_DISPATCH_MS);
  }

  /** The id that the next run's answer will carry. None is used again: what a caller is no longer waiting for is not found. */
  get nextId(): number {
    return this.#sequence;
  }

  /** A run was sent, with `nextId`. */
  add(run: Run): void {
    run.id = this.#sequence++;
    run.sentTo = this;
    this.#runs.push(run);
    if (this.#runs.size === 1) this.#watch.begin(this.#deadlineOf(run));
  }

  /** The run that was answered; null where none is waited for. A worker answers in the order in which it was asked. */
  take(id: number): Run | null {
    if (this.#runs.first?.id !== id) return null;
    const run = this.#runs.shift();
    const next = this.#runs.first;
    if (next === null) this.#watch.idle();
    else this.#watch.begin(this.#deadlineOf(next));
    return run;
  }

  /** The run was given up by its caller: if the worker is at it now, it has only so much longer. */
  abandoned(run: Run): void {
    if (run === this.#runs.first) this.#watch.begin(this.#deadlineOf(run));
  }

  /** No answer will come any more: gives what was not answered. */
  end(): readonly Run[] {
    this.#watch.stop();
    return this.#runs.clear();
  }

  #deadlineOf(run: Run): number {
    const { dispatchMs, abandonMs } = this.#timeouts;
    const deadline = run.kernel.history.deadlineMs(dispatchMs, UNKNOWN_DISPATCH_MS);
    return run.abandoned ? Math.min(deadline, abandonMs) : deadline;
  }
}
