import type { ModelState } from './model-state.js';

/** The distribution of the gradient of one parameter tensor: of the mean loss, before clipping. */
export interface GradientHistogram {
  readonly name: string;
  /** From 0; null outside the layers. */
  readonly layer: number | null;
  /** Finite elements, which alone are in the other fields. */
  readonly count: number;
  /** Elements that are not finite. */
  readonly notFinite: number;
  /** 0 without finite elements. */
  readonly min: number;
  readonly max: number;
  readonly sum: number;
  readonly sumOfSquares: number;
  /** Ascending, from the one that holds `min` to the one that holds `max`: eight for each power of two of either sign. Empty ones in a row are one. */
  readonly buckets: readonly { readonly below: number; readonly count: number }[];
}

/** Sign, exponent and the first three bits of the fraction of an fp32 number are its bucket. */
const SHIFT = 20;
const BUCKETS = 2 ** (32 - SHIFT);
const MAGNITUDES = BUCKETS / 2;
/** The first bucket of infinities and NaN. */
const NOT_FINITE = 255 << 3;

/** The distributions of the gradients in the arena, which are those of the mean loss multiplied by `scale`; where ranks share them out, of this rank's own. */
export function gradientHistograms(
  { gradients, trained, shards }: Pick<ModelState, 'gradients' | 'trained' | 'shards'>,
  scale: number,
): GradientHistogram[] {
  const all = gradients.array();
  const own = shards === null ? trained.entries : trained.entries.filter((entry) => shards.owns(entry));
  return own.map(({ name, layer, offset, count }) => ({
    ...{ name, layer: layer < 0 ? null : layer },
    ...histogramOf(all.subarray(offset, offset + count), scale),
  }));
}

function histogramOf(values: Float32Array, scale: number): Omit<GradientHistogram, 'name' | 'layer'> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const counts = new Uint32Array(BUCKETS);
  let [min, max, sum, sumOfSquares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  let count = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    // Not for infinities and NaN.
    if (value - value !== 0) continue;
    counts[bits[index]! >>> SHIFT]! += 1;
    count += 1;
    sum += value;
    sumOfSquares += value * value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const buckets: { below: number; count: number }[] = [];
  let reached = Number.NaN;
  for (const { bucket, from, below } of edges()) {
    const here = counts[bucket]!;
    if (here === 0) continue;
    if (buckets.length > 0 && from !== reached) buckets.push({ below: from / scale, count: 0 });
    buckets.push({ below: below / scale, count: here });
    reached = below;
  }
  return {
    ...{
      count,
      notFinite: values.length - count,
      min: count === 0 ? 0 : min / scale,
      max: count === 0 ? 0 : max / scale,
    },
    ...{ sum: sum / scale, sumOfSquares: sumOfSquares / scale ** 2, buckets },
  };
}

interface Edges {
  readonly bucket: number;
  readonly from: number;
  readonly below: number;
}

/** The edges of all buckets of finite numbers, in ascending order. */
function* edges(): Generator<Edges> {
  for (let magnitude = NOT_FINITE - 1; magnitude >= 0; magnitude--) {
    const below = magnitude === 0 ? 0 : -smallest(magnitude);
    yield { bucket: MAGNITUDES + magnitude, from: -smallest(magnitude + 1), below };
  }
  for (let bucket = 0; bucket < NOT_FINITE; bucket++) {
    yield { bucket, from: smallest(bucket), below: smallest(bucket + 1) };
  }
}

/** The smallest magnitude in a bucket; above the last, 2¹²⁸. */
function smallest(magnitude: number): number {
  const [exponent, eighths] = [magnitude >> 3, magnitude & 7];
  return exponent === 0 ? (eighths / 8) * 2 ** -126 : (1 + eighths / 8) * 2 ** (exponent - 127);
}
