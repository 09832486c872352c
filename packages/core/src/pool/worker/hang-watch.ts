import type { Clock, Deadline } from './clock.js';

/**
 * Watches the oldest piece of work of a worker with one deadline, which is set anew when it runs out: work that is answered in
 * time costs no timer of its own.
 */
export class HangWatch {
  readonly #clock: Clock;
  readonly #overdue: (deadlineMs: number) => void;
  #deadline: Deadline | null = null;
  #armedUntil = 0;
  #since = 0;
  #deadlineMs = Number.POSITIVE_INFINITY;

  /** @param overdue Called when work was not answered by its deadline. */
  constructor(clock: Clock, overdue: (deadlineMs: number) => void) {
    this.#clock = clock;
    this.#overdue = overdue;
  }

  /** A piece of work became the oldest now. */
  begin(deadlineMs: number): void {
    this.#since = this.#clock.now();
    this.#deadlineMs = deadlineMs;
    if (this.#deadline === null || this.#since + deadlineMs < this.#armedUntil) this.#arm();
  }

  /** Nothing is outstanding. */
  idle(): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  stop(): void {
    this.#deadline?.cancel();
    this.#deadline = null;
  }

  #arm(): void {
    this.stop();
    this.#armedUntil = this.#since + this.#deadlineMs;
    if (!Number.isFinite(this.#armedUntil)) return;
    this.#deadline = this.#clock.after(this.#armedUntil - this.#clock.now(), () => this.#look()).unref();
  }

  #look(): void {
    this.#deadline = null;
    if (this.#since + this.#deadlineMs <= this.#clock.now()) this.#overdue(this.#deadlineMs);
    else this.#arm();
  }
}
