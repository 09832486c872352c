/**
 * Counts the time of steps, which goes on from the end of one to the end of the next. It stands still while other work has its turn:
 * evaluations, samples, checkpoints, and what the caller does between steps. What such work waits for, but a step left behind, is counted.
 */
export class StepClock {
  readonly #now: () => number;
  #isCounting = false;
  /** Since when it counts or stands still. */
  #since: number;
  #total = 0;
  #lap = 0;

  /** @param now Milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#since = now();
  }

  /** Milliseconds counted until now. */
  get total(): number {
    this.#turn(this.#isCounting);
    return this.#total;
  }

  /** A step ends: the milliseconds counted since the last one did. */
  lap(): number {
    const { total } = this;
    const ms = total - this.#lap;
    this.#lap = total;
    return ms;
  }

  /** Does work whose time is that of a step. */
  count<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#during(true, work);
  }

  /** As `count`, of a call that blocks the thread. */
  block(call: () => void): void {
    const before = this.#turn(true);
    try {
      call();
    } finally {
      this.#turn(before);
    }
  }

  /** Does work whose time is none of a step's, but for what it counts itself. */
  leaveOut<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#during(false, work);
  }

  async #during<Result>(isCounting: boolean, work: () => Promise<Result>): Promise<Result> {
    const before = this.#turn(isCounting);
    try {
      return await work();
    } finally {
      this.#turn(before);
    }
  }

  /** Counts from now on, or no more. Returns what it did before. */
  #turn(isCounting: boolean): boolean {
    const now = this.#now();
    const before = this.#isCounting;
    if (before) this.#total += now - this.#since;
    this.#since = now;
    this.#isCounting = isCounting;
    return before;
  }
}
