import { LatencyHistogram } from './latency-histogram.js';

/** Observations before they are trusted to bound the next one. */
const ENOUGH = 16;
/** A deadline is this many times the slowest observation: loaded machines and cold caches are no hangs. */
const SLACK = 50;
/** No deadline from history is shorter: a stopped machine must not look like a hung worker. */
const SHORTEST_MS = 2_000;

/** How long work of one kind has taken, and from that, how long it may take. */
export class WorkHistory {
  /** Nanoseconds. */
  readonly histogram = new LatencyHistogram();

  record(nanoseconds: number): void {
    this.histogram.record(nanoseconds);
  }

  /** The given deadline if there is one; else from history; `unknown` while there is too little of it. */
  deadlineMs(given: number | undefined, unknown: number): number {
    if (given !== undefined) return given;
    const { count, max } = this.histogram;
    return count < ENOUGH ? unknown : Math.max(SHORTEST_MS, (SLACK * max) / 1e6);
  }
}
