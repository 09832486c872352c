/** Buckets of one octave: a value is known to 1/256 of itself. */
const BUCKETS = 128;
const OCTAVE_BITS = 7;
/** Two hours; longer times are recorded as that. */
const HIGHEST = 2 ** 43 - 1;
const SIZE = (43 - OCTAVE_BITS + 1) * BUCKETS;

/** Summary of a histogram, in microseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Number of the times below each power of two of nanoseconds, and not below the one before; powers without any are left out. */
  readonly buckets: readonly { readonly belowUs: number; readonly count: number }[];
}

/**
 * A histogram of nanoseconds. Every dispatch is recorded twice, by its kernel and by its worker, and that has to take
 * nanoseconds: `RecordableHistogram` of node:perf_hooks takes forty for each.
 */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(SIZE);
  #count = 0;
  #sum = 0;
  #min = HIGHEST;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  /** The longest time, exact. */
  get max(): number {
    return this.#max;
  }

  record(nanoseconds: number): void {
    this.#counts[bucketOf(nanoseconds)]! += 1;
    this.#count += 1;
    this.#sum += nanoseconds;
    if (nanoseconds < this.#min) this.#min = nanoseconds;
    if (nanoseconds > this.#max) this.#max = nanoseconds;
  }

  /** The quantile `share` (0 to 1), to 0.4 %; 0 if nothing was recorded. */
  quantile(share: number): number {
    let left = Math.max(1, Math.ceil(share * this.#count));
    const end = bucketOf(this.#max);
    // Not `findIndex`, which takes five times as long: metrics ask for hundreds of quantiles.
    for (let bucket = bucketOf(this.#min); bucket <= end; bucket++) {
      left -= this.#counts[bucket]!;
      if (left <= 0) return Math.min(this.#max, middleOf(bucket));
    }
    return 0;
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      meanUs: this.#sum / Math.max(1, this.#count) / 1000,
      p50Us: this.quantile(0.5) / 1000,
      p99Us: this.quantile(0.99) / 1000,
      maxUs: this.#max / 1000,
      buckets: this.#octaves(),
    };
  }

  #octaves(): LatencySummary['buckets'] {
    const counts = new Map<number, number>();
    const end = bucketOf(this.#max);
    for (let bucket = bucketOf(this.#min); bucket <= end; bucket++) {
      const count = this.#counts[bucket]!;
      if (count === 0) continue;
      const below =
        bucket < BUCKETS ? 2 ** (32 - Math.clz32(bucket)) : 2 ** (Math.floor(bucket / BUCKETS) + OCTAVE_BITS);
      counts.set(below, (counts.get(below) ?? 0) + count);
    }
    return Array.from(counts, ([below, count]) => ({ belowUs: below / 1000, count }));
  }
}

/** Values below 128 have a bucket each; every octave above has 128 buckets. */
function bucketOf(nanoseconds: number): number {
  if (nanoseconds < 2 ** 31) {
    // Shifts, since a power of two is a call.
    const value = Math.max(0, nanoseconds) | 0;
    const dropped = Math.max(0, 31 - OCTAVE_BITS - Math.clz32(value));
    return dropped * BUCKETS + (value >>> dropped);
  }
  const value = Math.min(nanoseconds, HIGHEST);
  const dropped = 63 - OCTAVE_BITS - Math.clz32(value / 2 ** 32);
  return dropped * BUCKETS + Math.floor(value / 2 ** dropped);
}

function middleOf(bucket: number): number {
  if (bucket < 2 * BUCKETS) return bucket;
  const octave = Math.floor(bucket / BUCKETS) - 1;
  return ((bucket % BUCKETS) + BUCKETS + 0.5) * 2 ** octave;
}

/** Observations before they are trusted to bound the next one. */
const ENOUGH = 16;
/** A deadline is this many times the slowest observation: loaded machines and cold caches are no hangs. */
const SLACK = 50;
/** No deadline from history is shorter: a stopped machine must not look like a hung worker. */
const SHORTEST_MS = 2_000;

/** How long work of one kind has taken, and the deadline that follows for the next. */
export class WorkHistory {
  /** Nanoseconds. */
  readonly histogram = new LatencyHistogram();

  record(nanoseconds: number): void {
    this.histogram.record(nanoseconds);
  }

  /** `given` if there is one; else from the slowest observation; `unknown` while there are too few. */
  deadlineMs(given: number | undefined, unknown: number): number {
    if (given !== undefined) return given;
    const { count, max } = this.histogram;
    return count < ENOUGH ? unknown : Math.max(SHORTEST_MS, (SLACK * max) / 1e6);
  }
}
