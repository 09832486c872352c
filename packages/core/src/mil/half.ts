const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Bits of the IEEE binary16 nearest to an fp32 given by its bits, ties to even. Overflow gives an infinity, NaN a quiet NaN. */
function roundToHalf(single: number): number {
  const sign = (single >>> 16) & 0x8000;
  const magnitude = single & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // A carry out of the mantissa is the exponent's increment.
    return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
  }
  const shift = 126 - (magnitude >>> 23);
  if (shift > 24) return sign;
  const mantissa = (magnitude & 0x7fffff) | 0x800000;
  const rest = mantissa & ((1 << shift) - 1);
  const tie = 1 << (shift - 1);
  const half = mantissa >>> shift;
  return sign | (half + (rest > tie || (rest === tie && (half & 1) === 1) ? 1 : 0));
}

/** Bits of the IEEE binary16 nearest to `value`, ties to even: one rounding, not that to fp32 first. */
export function toHalf(value: number): number {
  float[0] = value;
  const nearest = float[0];
  if (nearest !== value) {
    // Rounded to odd: towards zero, with the last bit set where anything was cut off. That keeps apart what lies beside a
    // tie from the tie itself.
    if (Math.abs(nearest) > Math.abs(value)) bits[0]! -= 1;
    bits[0]! |= 1;
  }
  return roundToHalf(bits[0]!);
}

/** The value of IEEE binary16 bits. */
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const mantissa = half & 0x3ff;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** Rounds each of `values` into `halves`, which must have room for all. */
export function toHalves(values: Float32Array, halves: Uint16Array): void {
  const singles = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let index = 0; index < singles.length; index++) halves[index] = roundToHalf(singles[index]!);
}
