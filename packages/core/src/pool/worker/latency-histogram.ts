/** Buckets of one octave: a value is known to 1/256 of itself. */
const BUCKETS = 128;
const OCTAVE_BITS = 7;
/** Two hours; what takes longer counts as that. */
const HIGHEST = 2 ** 43 - 1;
const SIZE = (43 - OCTAVE_BITS + 1) * BUCKETS;

/** What a histogram says in a few numbers, in microseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

/**
 * How often something took how long, in nanoseconds. Every dispatch is recorded twice, by its kernel and by its worker: that
 * has to cost nanoseconds, where a call of `RecordableHistogram` of node:perf_hooks costs forty.
 */
export class LatencyHistogram {
  readonly #counts = new Uint32Array(SIZE);
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  /** The longest, exactly. */
  get max(): number {
    return this.#max;
  }

  record(nanoseconds: number): void {
    this.#counts[bucketOf(nanoseconds)]! += 1;
    this.#count += 1;
    this.#sum += nanoseconds;
    if (nanoseconds > this.#max) this.#max = nanoseconds;
  }

  /** The nanoseconds that this share of all took at most, to 0.4 %; 0 where there are none. */
  quantile(share: number): number {
    let left = Math.max(1, Math.ceil(share * this.#count));
    const bucket = this.#counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    return bucket === -1 ? 0 : Math.min(this.#max, middleOf(bucket));
  }

  summary(): LatencySummary {
    return {
      count: this.#count,
      meanUs: this.#sum / Math.max(1, this.#count) / 1000,
      p50Us: this.quantile(0.5) / 1000,
      p99Us: this.quantile(0.99) / 1000,
      maxUs: this.#max / 1000,
    };
  }
}

/** Values below 128 have a bucket each; of every octave above, each 128th part. */
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
