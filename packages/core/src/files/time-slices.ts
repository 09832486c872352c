import { setImmediate } from 'node:timers/promises';

/** Synchronous work of a loop is interrupted after this many milliseconds. */
const SLICE_MS = 10;

/** Cuts a long loop of synchronous work into slices, between which the event loop runs. */
export class TimeSlices {
  #startedAt = performance.now();

  /** Lets the event loop run if the slice is over. */
  async next(): Promise<void> {
    if (performance.now() - this.#startedAt < SLICE_MS) return;
    await setImmediate();
    this.#startedAt = performance.now();
  }
}
