import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** From a nanosecond to an hour, to 1 %: a histogram of this range takes 36 KB, one of the default range ten times that. */
const RANGE = { lowest: 1, highest: 3_600_000_000_000, figures: 2 };
/** Observations before they are trusted to bound the next one. */
const ENOUGH = 16;
/** A deadline is this many times the slowest observation: loaded machines and cold caches are no hangs. */
const SLACK = 50;
/** No deadline from history is shorter: a stopped machine must not look like a hung worker. */
const SHORTEST_MS = 2_000;

/** How long work of one kind has taken, and from that, how long it may take. */
export class WorkHistory {
  /** Nanoseconds. */
  readonly histogram: RecordableHistogram = createHistogram(RANGE);
  #count = 0;
  #slowest = 0;

  record(nanoseconds: number): void {
    this.histogram.record(Math.min(RANGE.highest, Math.max(RANGE.lowest, Math.round(nanoseconds))));
    this.#count += 1;
    if (nanoseconds > this.#slowest) this.#slowest = nanoseconds;
  }

  /** As new: a histogram is native memory that the garbage collector does not see, so it is used again. */
  reset(): void {
    this.histogram.reset();
    this.#count = 0;
    this.#slowest = 0;
  }

  /** The given deadline if there is one; else from history; `unknown` while there is too little of it. */
  deadlineMs(given: number | undefined, unknown: number): number {
    if (given !== undefined) return given;
    if (this.#count < ENOUGH) return unknown;
    return Math.max(SHORTEST_MS, (SLACK * this.#slowest) / 1e6);
  }
}

/** What a histogram says in a few numbers, in microseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

export function summarize(histogram: RecordableHistogram): LatencySummary {
  const empty = histogram.count === 0;
  const us = (nanoseconds: number) => (empty ? 0 : nanoseconds / 1000);
  return {
    count: histogram.count,
    meanUs: us(histogram.mean),
    p50Us: us(histogram.percentile(50)),
    p99Us: us(histogram.percentile(99)),
    maxUs: us(histogram.max),
  };
}
