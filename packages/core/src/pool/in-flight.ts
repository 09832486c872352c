import { HangWatch } from './hang-watch.js';
import type { Run } from './run.js';
import type { WorkerTimeouts } from './worker-setup.js';

const UNKNOWN_DISPATCH_MS = 60_000;

/** Runs that were sent to one worker and not answered, in that order, and the watch over the oldest. */
export class InFlight {
  readonly #runs = new Map<number, Run>();
  readonly #timeouts: WorkerTimeouts;
  readonly #watch: HangWatch;
  #sequence = 0;

  /** @param overdue Called when the oldest was not answered by its deadline. */
  constructor(timeouts: WorkerTimeouts, overdue: (oldest: Run, deadlineMs: number) => void) {
    this.#timeouts = timeouts;
    this.#watch = new HangWatch((deadlineMs) => overdue(this.#oldest!, deadlineMs));
  }

  get size(): number {
    return this.#runs.size;
  }

  /** The longest that a dispatch sent before may take. */
  get patienceMs(): number {
    return this.#runs.size === 0 ? 0 : (this.#timeouts.dispatchMs ?? UNKNOWN_DISPATCH_MS);
  }

  /** Gives the id that the answer will carry. Ids are never used again: what a caller is no longer waiting for is not found. */
  add(run: Run): number {
    const id = this.#sequence++;
    this.#runs.set(id, run);
    if (this.#runs.size === 1) this.#watch.begin(this.#deadlineOf(run));
    return id;
  }

  /** The run that was answered; undefined where none is waited for. */
  take(id: number): Run | undefined {
    const run = this.#runs.get(id);
    if (run === undefined) return undefined;
    this.#runs.delete(id);
    const next = this.#oldest;
    if (next === undefined) this.#watch.idle();
    else this.#watch.begin(this.#deadlineOf(next));
    return run;
  }

  /** The run was given up by its caller: if the worker is at it now, it has only so much longer. */
  abandoned(run: Run): void {
    if (run === this.#oldest) this.#watch.begin(this.#deadlineOf(run));
  }

  /** No answer will come any more: gives what was not answered. */
  end(): readonly Run[] {
    this.#watch.stop();
    const unanswered = [...this.#runs.values()];
    this.#runs.clear();
    return unanswered;
  }

  get #oldest(): Run | undefined {
    return this.#runs.values().next().value;
  }

  #deadlineOf(run: Run): number {
    const { dispatchMs, abandonMs } = this.#timeouts;
    const deadline = run.kernel.history.deadlineMs(dispatchMs, UNKNOWN_DISPATCH_MS);
    return run.abandoned ? Math.min(deadline, abandonMs) : deadline;
  }
}
