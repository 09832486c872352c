import type { PlacedKernel } from './placed-kernel.js';

/** Evaluations of one kernel that make its own baseline. */
const BASELINE = 1000;
/** Weight of the newest evaluation in the running mean. */
const NEWEST = 1 / 256;

interface Pace {
  count: number;
  baseline: number;
  recent: number;
}

/** How much slower a worker's evaluations are than its own first thousand of the same kernel (some chips tire). */
export class ThroughputDrift {
  readonly #paces = new Map<PlacedKernel, Pace>();

  /** Adds an evaluation of `nanoseconds`; gives recent mean over baseline, 1 while there is no baseline. */
  record(kernel: PlacedKernel, nanoseconds: number): number {
    let pace = this.#paces.get(kernel);
    if (pace === undefined) {
      pace = { count: 0, baseline: 0, recent: 0 };
      this.#paces.set(kernel, pace);
    }
    pace.count += 1;
    if (pace.count <= BASELINE) {
      pace.baseline += (nanoseconds - pace.baseline) / pace.count;
      pace.recent = pace.baseline;
      return 1;
    }
    pace.recent += (nanoseconds - pace.recent) * NEWEST;
    return pace.recent / pace.baseline;
  }
}
