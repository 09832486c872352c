import { halfToNumber, numberToHalf, randomNumbers } from '../fixtures/math-arena.js';

export type CaseType = 'fp16' | 'fp32' | 'int32' | 'bool' | 'int8' | 'uint8';

/** A tensor of the float64 reference: row-major values, booleans 0 and 1. */
export interface Tensor<T extends CaseType = CaseType> {
  readonly dtype: T;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export const bytesPerElement: Readonly<Record<CaseType, number>> = {
  fp16: 2,
  fp32: 4,
  int32: 4,
  bool: 1,
  int8: 1,
  uint8: 1,
};

/** The nearest value that the type can hold. */
export function roundTo(dtype: CaseType, value: number): number {
  if (dtype === 'fp16') return decode('fp16', encode('fp16', [value]))[0] as number;
  return dtype === 'fp32' ? Math.fround(value) : value;
}

export function tensor<T extends CaseType>(dtype: T, shape: readonly number[], data: readonly number[]): Tensor<T> {
  return { dtype, shape, data: data.map((value) => roundTo(dtype, value)) };
}

/** Values in (-scale, scale) around `center`, the same on every run. */
export function random<T extends CaseType>(
  seed: number,
  dtype: T,
  shape: readonly number[],
  scale = 2,
  center = 0,
): Tensor<T> {
  const next = randomNumbers(seed + 1);
  const value = (): number => {
    if (dtype === 'bool') return next() > 0 ? 1 : 0;
    return dtype.includes('int') ? Math.round(next() * scale + center) : next() * scale + center;
  };
  return tensor(dtype, shape, Array.from({ length: size(shape) }, value));
}

export function encode(dtype: CaseType, data: readonly number[]): Uint8Array {
  switch (dtype) {
    case 'fp16':
      return new Uint8Array(Uint16Array.from(data, numberToHalf).buffer);
    case 'fp32':
      return new Uint8Array(Float32Array.from(data).buffer);
    case 'int32':
      return new Uint8Array(Int32Array.from(data).buffer);
    case 'int8':
      return new Uint8Array(Int8Array.from(data).buffer);
    case 'uint8':
    case 'bool':
      return Uint8Array.from(data);
  }
}

export function decode(dtype: CaseType, bytes: Uint8Array): number[] {
  const copy = bytes.slice().buffer;
  switch (dtype) {
    case 'fp16':
      return Array.from(new Uint16Array(copy), halfToNumber);
    case 'fp32':
      return Array.from(new Float32Array(copy));
    case 'int32':
      return Array.from(new Int32Array(copy));
    case 'int8':
      return Array.from(new Int8Array(copy));
    case 'uint8':
    case 'bool':
      return Array.from(bytes);
  }
}
