/** Rows of a column from `from` up to `to`, not included. */
export interface Rows {
  readonly from: number;
  readonly to: number;
}

/** The index of the first value that is not below `value`, in ascending values. */
export function lowerBound(values: Float64Array, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The rows whose x lies in a range, and one more on each side, so that lines reach the edges. */
export function rowsIn(x: Float64Array, least: number, most: number): Rows {
  const from = Math.max(0, lowerBound(x, least) - 1);
  const to = Math.min(x.length, lowerBound(x, most) + 1);
  return { from, to: Math.max(from, to) };
}

/**
 * At most 2 × `columns` points of a curve that look like all of it: the lowest and the highest of each of `columns` equal ranges of x, in the
 * order of x. Where a range has no number there is a null, a gap.
 */
export function thin(
  x: Float64Array,
  y: Float64Array,
  { from, to }: Rows,
  columns: number,
): [number[], (number | null)[]] {
  const xs: number[] = [];
  const ys: (number | null)[] = [];
  const push = (row: number) => {
    xs.push(x[row]!);
    ys.push(Number.isNaN(y[row]!) ? null : y[row]!);
  };
  if (to - from <= 2 * columns) {
    for (let row = from; row < to; row++) push(row);
    return [xs, ys];
  }
  const start = x[from]!;
  const width = (x[to - 1]! - start) / columns || 1;
  for (let row = from, column = 1; row < to; column++) {
    const end = column === columns ? Number.POSITIVE_INFINITY : start + column * width;
    const first = row;
    let lowest = -1;
    let highest = -1;
    for (; row < to && x[row]! < end; row++) {
      const value = y[row]!;
      if (Number.isNaN(value)) continue;
      if (lowest < 0 || value < y[lowest]!) lowest = row;
      if (highest < 0 || value > y[highest]!) highest = row;
    }
    if (lowest < 0) {
      if (row > first) push(first);
      continue;
    }
    push(Math.min(lowest, highest));
    if (lowest !== highest) push(Math.max(lowest, highest));
  }
  return [xs, ys];
}

/** A smoothed curve, and what goes on from its end. */
export interface Smoothed {
  readonly values: Float64Array;
  readonly sum: number;
  readonly share: number;
}

const unsmoothed: Smoothed = { values: new Float64Array(0), sum: 0, share: 0 };

/**
 * The exponential moving average of a curve, corrected for its start (Kingma and Ba, 2014). Values that are not numbers stay so, and do not
 * count.
 *
 * @param weight Of the past, from 0 (the curve itself) to below 1.
 * @param known Of its first values, with the same weight. Default: null, none.
 */
export function smooth(y: Float64Array, weight: number, known: Smoothed | null = null): Smoothed {
  let { values, sum, share } = known ?? unsmoothed;
  const gained = y.slice(values.length);
  for (let row = 0; row < gained.length; row++) {
    const value = gained[row]!;
    if (!Number.isFinite(value)) {
      gained[row] = Number.NaN;
      continue;
    }
    sum = weight * sum + (1 - weight) * value;
    share = weight * share + (1 - weight);
    gained[row] = sum / share;
  }
  values = append(values, gained);
  return { values, sum, share };
}

/** What an array grows by when it is full: seldom enough that the copies cost little. */
const GROWTH = 1.25;
/** Arrays that `append` made: room behind them is theirs. */
const grown = new WeakSet<ArrayBufferLike>();

/** Both arrays, in the memory of the first where it was made here and has room: then one append to it is allowed, unless they append the same. */
export function append(known: Float64Array, gained: Float64Array): Float64Array {
  const length = known.length + gained.length;
  const fits = grown.has(known.buffer) && 8 * length <= known.buffer.byteLength;
  const all = fits ? new Float64Array(known.buffer, 0) : new Float64Array(Math.ceil(GROWTH * length));
  if (!fits) {
    all.set(known);
    grown.add(all.buffer);
  }
  all.set(gained, known.length);
  return all.subarray(0, length);
}
