import type { Port } from '@mayfly/native';
import type { Clock, Deadline } from './clock.js';
import type { WorkHistory } from './latency.js';
import { type Run, type RunHolder, RunQueue } from './run.js';

const UNKNOWN_DISPATCH_MS = 60_000;

/** A kernel, as its workers see it. */
export interface RunOwner {
  readonly name: string;
  readonly inputs: readonly Port[];
  /** Evaluation times on all devices. */
  readonly history: WorkHistory;
  /** Counts bytes that a worker copied for a run between the arena and its device's own memory, and those that it had copied before. */
  copied(bytes: number, prefetched: number): void;
}

/** Deadlines of dispatches. */
export interface DispatchTimeouts {
  /** One evaluation. Default: 50 times the kernel's slowest, 2 s at least; 60 s while there is no history. */
  readonly dispatchMs: number | undefined;
  /** From the abort of a run until a worker that still evaluates it is killed. Infinity: never. Default 1 s. */
  readonly abandonMs: number;
}

/**
 * The runs that one worker was sent and has not answered, in that order, and the deadline of the oldest. There is one timer for
 * all: it is set anew when it fires, so that runs answered in time set none.
 */
export class InFlight<Kernel extends RunOwner> implements RunHolder {
  readonly #runs = new RunQueue<Kernel>();
  readonly #clock: Clock;
  readonly #timeouts: DispatchTimeouts;
  readonly #overdue: (oldest: Run<Kernel>, deadlineMs: number) => void;
  #sequence = 0;
  /** When the oldest run became the oldest, and how long it may take from then on. */
  #since = 0;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #deadline: Deadline | null = null;
  #armedUntil = 0;

  /** @param overdue Called when the oldest run was not answered by its deadline. */
  constructor(clock: Clock, timeouts: DispatchTimeouts, overdue: (oldest: Run<Kernel>, deadlineMs: number) => void) {
    this.#clock = clock;
    this.#timeouts = timeouts;
    this.#overdue = overdue;
  }

  get size(): number {
    return this.#runs.size;
  }

  /** The longest that the dispatches sent so far may take. */
  get patienceMs(): number {
    return this.#runs.size === 0 ? 0 : (this.#timeouts.dispatchMs ?? UNKNOWN_DISPATCH_MS);
  }

  /** The id of the next dispatch. Ids are not used twice, so a late answer finds no run. */
  get nextId(): number {
    return this.#sequence;
  }

  /** Adds a run that was sent with `nextId`. */
  add(run: Run<Kernel>): void {
    run.id = this.#sequence++;
    run.sentTo = this;
    this.#runs.push(run);
    if (this.#runs.size === 1) this.#watch(run);
  }

  /** The run that was sent with this id; null if it was answered, or there was none. */
  find(id: number): Run<Kernel> | null {
    for (let run = this.#runs.first; run !== null; run = run.next) if (run.id === id) return run;
    return null;
  }

  /** Removes the run that was answered. Null unless it is the oldest: a worker answers in order. */
  take(id: number): Run<Kernel> | null {
    if (this.#runs.first?.id !== id) return null;
    const run = this.#runs.shift();
    const next = this.#runs.first;
    if (next === null) this.#deadlineMs = Number.POSITIVE_INFINITY;
    else this.#watch(next);
    return run;
  }

  /** Shortens the deadline of the oldest run to `abandonMs`, if that is the run which its caller gave up. */
  abandoned(run: Run<Kernel>): void {
    if (run === this.#runs.first) this.#watch(run);
  }

  /** Empties the list, since no answer will come any more. Returns the unanswered runs. */
  end(): readonly Run<Kernel>[] {
    this.#deadline?.cancel();
    this.#deadline = null;
    return this.#runs.clear();
  }

  #watch(oldest: Run<Kernel>): void {
    const { dispatchMs, abandonMs } = this.#timeouts;
    const deadlineMs = oldest.kernel.history.deadlineMs(dispatchMs, UNKNOWN_DISPATCH_MS);
    this.#since = this.#clock.now();
    this.#deadlineMs = oldest.abandoned ? Math.min(deadlineMs, abandonMs) : deadlineMs;
    if (this.#deadline === null || this.#since + this.#deadlineMs < this.#armedUntil) this.#arm();
  }

  #arm(): void {
    this.#deadline?.cancel();
    this.#deadline = null;
    this.#armedUntil = this.#since + this.#deadlineMs;
    if (!Number.isFinite(this.#armedUntil)) return;
    this.#deadline = this.#clock.after(this.#armedUntil - this.#clock.now(), () => this.#look()).unref();
  }

  #look(): void {
    this.#deadline = null;
    if (this.#since + this.#deadlineMs <= this.#clock.now()) this.#overdue(this.#runs.first!, this.#deadlineMs);
    else this.#arm();
  }
}
