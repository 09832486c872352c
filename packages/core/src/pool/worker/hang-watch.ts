/**
 * Watches the oldest piece of work of a worker with one timer, which looks again when it fires: work that is answered in time
 * costs no timer of its own.
 */
export class HangWatch {
  readonly #overdue: (deadlineMs: number) => void;
  #timer: NodeJS.Timeout | null = null;
  #armedUntil = 0;
  #since = 0;
  #deadlineMs = Number.POSITIVE_INFINITY;

  /** @param overdue Called when work was not answered by its deadline. */
  constructor(overdue: (deadlineMs: number) => void) {
    this.#overdue = overdue;
  }

  /** A piece of work became the oldest now. */
  begin(deadlineMs: number): void {
    this.#since = performance.now();
    this.#deadlineMs = deadlineMs;
    if (this.#timer === null || this.#since + deadlineMs < this.#armedUntil) this.#arm();
  }

  /** Nothing is outstanding. */
  idle(): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #arm(): void {
    this.stop();
    this.#armedUntil = this.#since + this.#deadlineMs;
    if (!Number.isFinite(this.#armedUntil)) return;
    this.#timer = setTimeout(() => this.#look(), Math.max(0, this.#armedUntil - performance.now()));
    this.#timer.unref();
  }

  #look(): void {
    this.#timer = null;
    if (this.#since + this.#deadlineMs <= performance.now()) this.#overdue(this.#deadlineMs);
    else this.#arm();
  }
}
