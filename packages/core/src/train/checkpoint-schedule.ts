/** Writing checkpoints takes at most 1 / SHARE of a run's time. */
const SHARE = 50;
const MINUTE_MS = 60_000;

export interface CheckpointIntervals {
  /** Steps from one checkpoint to the next; 0: none by steps. */
  readonly checkpointEvery: number;
  /** Minutes from one checkpoint to the next; 0: none by time. */
  readonly checkpointMinutes: number;
  /** Checkpoints of steps that are multiples of this are never removed; 0: none. */
  readonly keepEvery: number;
}

/** Decides after which steps a checkpoint is written. */
export class CheckpointSchedule {
  readonly #intervals: CheckpointIntervals;
  readonly #now: () => number;
  #last: number;
  #tookMs = 0;

  /** @param now Milliseconds. */
  constructor(intervals: CheckpointIntervals, now: () => number = () => performance.now()) {
    this.#intervals = intervals;
    this.#now = now;
    this.#last = now();
  }

  isDue(step: number): boolean {
    const { checkpointEvery, checkpointMinutes, keepEvery } = this.#intervals;
    if (isMultiple(step, checkpointEvery) || isMultiple(step, keepEvery)) return true;
    if (checkpointMinutes === 0) return false;
    return this.#now() - this.#last >= Math.max(checkpointMinutes * MINUTE_MS, SHARE * this.#tookMs);
  }

  /** A checkpoint was written, or could not be, which took so long. */
  tried(tookMs: number): void {
    this.#last = this.#now();
    this.#tookMs = tookMs;
  }
}

const isMultiple = (step: number, interval: number): boolean => interval > 0 && step % interval === 0;
