import type { FilePlan, StoredValues } from './file-plan.js';
import { type ExportDtype, numberFormats } from './number-format.js';

// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md: "GGUF", version, counts of tensors and of keys; keys with their
// values; names, shapes and places of tensors; then the tensors, each at a multiple of the alignment from the first.

const VERSION = 3;
const ALIGNMENT = 32;

/** The format's numbers of the types of values. */
const types = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 } as const;
/** ggml's numbers of the types of tensors. */
const tensorTypes: Readonly<Record<ExportDtype, number>> = { f32: 0, f16: 1, q8_0: 8, bf16: 30 };

/** The value of a key. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly i32s: readonly number[] }
  | { readonly f32s: readonly number[] };

/** A tensor of the file. */
export interface GgufTensor extends StoredValues {
  readonly name: string;
  /** The slowest axis first, as elsewhere; the file has them the other way round. */
  readonly shape: readonly number[];
}

/** A GGUF file, version 3, little-endian. */
export function ggufFile(
  name: string,
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): FilePlan {
  const keys = Object.entries(metadata);
  let end = 0;
  const places = tensors.map(({ name, shape, count, dtype }) => {
    const offset = end;
    end = aligned(offset + numberFormats[dtype].bytes(count));
    const axes = shape.toReversed().map(u64);
    return Buffer.concat([string(name), u32(shape.length), ...axes, u32(tensorTypes[dtype]), u64(offset)]);
  });
  const head = Buffer.concat([
    ...[Buffer.from('GGUF'), u32(VERSION), u64(tensors.length), u64(keys.length)],
    ...keys.map(([key, value]) => Buffer.concat([string(key), encodeValue(value)])),
    ...places,
  ]);
  const data = tensors.flatMap((tensor) => [tensor, padding(numberFormats[tensor.dtype].bytes(tensor.count))]);
  return { name, pieces: [head, padding(head.length), ...data] };
}

function encodeValue(value: GgufValue): Buffer {
  if ('u32' in value) return Buffer.concat([u32(types.u32), u32(value.u32)]);
  if ('f32' in value) return Buffer.concat([u32(types.f32), floats([value.f32])]);
  if ('bool' in value) return Buffer.concat([u32(types.bool), Buffer.from([value.bool ? 1 : 0])]);
  if ('string' in value) return Buffer.concat([u32(types.string), string(value.string)]);
  if ('strings' in value) return array(types.string, value.strings.length, value.strings.map(string));
  if ('i32s' in value) return array(types.i32, value.i32s.length, [Buffer.from(Int32Array.from(value.i32s).buffer)]);
  return array(types.f32, value.f32s.length, [floats(value.f32s)]);
}

const array = (type: number, length: number, items: readonly Buffer[]): Buffer =>
  Buffer.concat([u32(types.array), u32(type), u64(length), ...items]);

const floats = (values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

const aligned = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
const padding = (length: number): Buffer => Buffer.alloc(aligned(length) - length);
