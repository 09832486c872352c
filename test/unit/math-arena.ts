import { createHash } from 'node:crypto';
import { addon, type NativeArena } from '@mayfly/native';

export type FloatType = 'fp16' | 'fp32';

/** The value of an fp16 bit pattern. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The fp16 bit pattern nearest to a number, ties to even. NaN gives 0x7e00. */
export function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  const step = 2 ** (Math.max(Math.floor(Math.log2(size || 1e-300)), -14) - 10);
  const below = Math.floor(size / step);
  const rest = size / step - below;
  const steps = below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0);
  if (step === 2 ** -24) return sign | steps; // subnormal, or the first normals
  return sign | ((Math.round(Math.log2(step)) + 25) * 1024 + (steps - 1024));
}

/** Random numbers in (-1, 1) that are the same on every run (Park & Miller 1988). */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return (state / 2147483647) * 2 - 1;
  };
}

/** A row-major matrix in the arena. */
export class Matrix {
  readonly #values: Float32Array | Uint16Array;

  constructor(
    arena: NativeArena,
    readonly offset: number,
    readonly type: FloatType,
    readonly rows: number,
    readonly columns: number,
    readonly stride: number,
  ) {
    const view = arena.view(offset, rows * stride * (type === 'fp16' ? 2 : 4));
    this.#values =
      type === 'fp16'
        ? new Uint16Array(view.buffer, view.byteOffset, rows * stride)
        : new Float32Array(view.buffer, view.byteOffset, rows * stride);
  }

  at(row: number, column: number): number {
    const value = this.#values[row * this.stride + column] as number;
    return this.type === 'fp16' ? halfToNumber(value) : value;
  }

  set(row: number, column: number, value: number): void {
    this.#values[row * this.stride + column] = this.type === 'fp16' ? numberToHalf(value) : value;
  }

  /** Sets every element, padding between rows included. */
  fill(value: () => number): this {
    for (let i = 0; i < this.#values.length; i++)
      this.#values[i] = this.type === 'fp16' ? numberToHalf(value()) : value();
    return this;
  }

  /** A dense copy. */
  values(): Float64Array {
    return Float64Array.from({ length: this.rows * this.columns }, (_, i) =>
      this.at(Math.floor(i / this.columns), i % this.columns),
    );
  }

  /** A copy of the memory, padding included. */
  bits(): Uint8Array {
    return new Uint8Array(this.#values.buffer, this.#values.byteOffset, this.#values.byteLength).slice();
  }

  /** Differs where any bit does. */
  digest(): string {
    return createHash('sha256').update(this.bits()).digest('hex');
  }

  restore(bits: Uint8Array): void {
    new Uint8Array(this.#values.buffer, this.#values.byteOffset, this.#values.byteLength).set(bits);
  }
}

/** An arena that hands out one block after the other. */
export class MathArena {
  readonly arena: NativeArena;
  #next = 64;

  constructor(bytes = 64 << 20) {
    this.arena = addon.createArena(bytes);
  }

  matrix(type: FloatType, rows: number, columns: number, stride = columns): Matrix {
    return new Matrix(this.arena, this.reserve(rows * stride * (type === 'fp16' ? 2 : 4)), type, rows, columns, stride);
  }

  random(type: FloatType, rows: number, columns: number, random: () => number, stride = columns): Matrix {
    return this.matrix(type, rows, columns, stride).fill(random);
  }

  tokens(ids: readonly number[]): number {
    const offset = this.reserve(ids.length * 4);
    const view = this.arena.view(offset, ids.length * 4);
    new Int32Array(view.buffer, view.byteOffset, ids.length).set(ids);
    return offset;
  }

  /** Room for `bytes`, aligned to an fp32 but on purpose not to a vector. */
  reserve(bytes: number): number {
    const offset = this.#next;
    this.#next = offset + Math.ceil(bytes / 4) * 4 + 4;
    return offset;
  }

  close(): void {
    this.arena.close();
  }
}

/** The largest |actual − expected| / (1 + |expected|); NaN where one is. */
export function largestError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.NaN;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const wanted = expected[i] as number;
    const error = Math.abs((actual[i] as number) - wanted) / (1 + Math.abs(wanted));
    if (!(error <= largest)) largest = error;
  }
  return largest;
}

/** Runs `compute` with 1, 2 and 3 threads and gives the three results. */
export function withThreads<T>(compute: () => T): T[] {
  return [1, 2, 3].map((threads) => {
    addon.math.setThreads(threads);
    return compute();
  });
}
