import { type DType, elementCount, MayflyError } from '@mayfly/native';
import { roundToFloat16 } from '../float16.js';

/** A port as MIL text declares it. */
export interface PortType {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** One tensor of a weight file. */
export interface WeightRecord {
  readonly name: string;
  readonly dtype: 'fp16' | 'fp32' | 'int8' | 'uint8' | 'int32';
  readonly shape: readonly number[];
  /** Byte offset of the 64-byte metadata record, which BLOBFILE refers to. */
  readonly recordOffset: number;
  /** Byte offset of the data. */
  readonly dataOffset: number;
  readonly bytes: number;
}

/** The layout of a weight file in the format MILBlob v2. */
export interface WeightFileLayout {
  /** As BLOBFILE writes it, e.g. `@model_path/weights/weight.bin`. */
  readonly path: string;
  readonly bytes: number;
  readonly records: readonly WeightRecord[];
}

/** A program without the values of its weights: MIL text, and the layout of its weight files. */
export interface MilProgram {
  readonly text: string;
  readonly inputs: readonly PortType[];
  readonly outputs: readonly PortType[];
  readonly weightFiles: readonly WeightFileLayout[];
}

/** Operation sets: `ios18` is program(1.3); `ios16` is program(1.0), whose scalars are rank-0 tensors (M1 and M2 need it). */
export type Dialect = 'ios18' | 'ios16';

/** Element types of values; `string` and `uint64` occur in constants only. */
export type MilDType = DType | 'string' | 'uint64';

/** A constant's elements. */
export type Scalar = number | boolean | string;

/** Throws `ERR_MIL_TYPE`: "Expected …, got …". */
export function expectType(condition: boolean, expected: string, actual: unknown): asserts condition {
  if (!condition) throw new MayflyError('ERR_MIL_TYPE', `Expected ${expected}, got ${String(actual)}`);
}

export const shown = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** `tensor<fp16, [1, 2]>`; a scalar is `fp16`, or `tensor<fp16, []>` in ios16. */
export function typeText(dialect: Dialect, dtype: MilDType, shape: readonly number[]): string {
  return shape.length === 0 && dialect === 'ios18' ? dtype : `tensor<${dtype}, ${shown(shape)}>`;
}

const isFloat = (dtype: MilDType): boolean => dtype === 'fp16' || dtype === 'fp32';

/** A literal with its type: `fp16(0x1p-3)`, `tensor<int32, [2]>([1, 0])`. */
export function literalText(
  dialect: Dialect,
  dtype: MilDType,
  shape: readonly number[],
  values: readonly Scalar[],
): string {
  const count = elementCount(shape);
  expectType(values.length === count, `${count} values for ${shown(shape)}`, values.length);
  const elements = values.map((value) => elementText(dtype, value));
  const list = shape.length === 0 ? elements[0] : `[${elements.join(', ')}]`;
  return `${typeText(dialect, dtype, shape)}(${list})`;
}

function elementText(dtype: MilDType, value: Scalar): string {
  if (dtype === 'string' || dtype === 'bool') {
    expectType(typeof value === (dtype === 'bool' ? 'boolean' : 'string'), `a ${dtype} constant`, value);
    return dtype === 'bool' ? String(value) : JSON.stringify(value);
  }
  expectType(typeof value === 'number' && Number.isFinite(value), `a finite ${dtype} constant`, value);
  if (!isFloat(dtype)) {
    expectType(Number.isSafeInteger(value), `a whole ${dtype} constant`, value);
    return String(value);
  }
  const rounded = dtype === 'fp16' ? roundToFloat16(value) : Math.fround(value);
  expectType(Number.isFinite(rounded), `a constant within the range of ${dtype}`, value);
  return hexFloat(rounded);
}

/** C's `%a`: exact, where decimal digits would round 1/768 to 0.001302. */
export function hexFloat(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0x0p+0' : '0x0p+0';
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const high = view.getUint32(0);
  const exponent = ((high >>> 20) & 0x7ff) - 1023;
  const mantissa = (high & 0xfffff).toString(16).padStart(5, '0') + view.getUint32(4).toString(16).padStart(8, '0');
  const digits = mantissa.replace(/0+$/, '');
  return `${value < 0 ? '-' : ''}0x1${digits && `.${digits}`}p${exponent < 0 ? '' : '+'}${exponent}`;
}
