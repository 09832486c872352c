import { elementBytes, elementCount, invalidArgument } from '@mayfly/native';
import { Float16Array } from '../float16.js';
import type { WeightFileLayout, WeightRecord } from './types.js';

/** File header, metadata records and data all start on multiples of this many bytes. */
const ALIGNMENT = 64;
const VERSION = 2;
const SENTINEL = 0xdeadbeef;

/** Codes of element types in coremltools' MILBlob StorageFormat. */
const typeCodes = { fp16: 1, fp32: 2, uint8: 3, int8: 4, int32: 14 } as const;

/** A tensor to place in a weight file. */
export type WeightTensor = Pick<WeightRecord, 'name' | 'dtype' | 'shape'>;

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

/** Places tensors as MILBlob v2 does: a 64-byte header, then for each tensor a 64-byte metadata record and its data. */
export function layOutWeightFile(path: string, tensors: readonly WeightTensor[]): WeightFileLayout {
  let end = ALIGNMENT;
  const records = tensors.map(({ name, dtype, shape }) => {
    const recordOffset = aligned(end);
    const dataOffset = recordOffset + ALIGNMENT;
    const bytes = elementCount(shape) * elementBytes[dtype];
    end = dataOffset + bytes;
    return { name, dtype, shape, recordOffset, dataOffset, bytes };
  });
  return { path, bytes: end, records };
}

/** Writes the file header and all metadata records; data and padding are left unchanged. */
export function writeBlobHeaders(layout: WeightFileLayout, bytes: Uint8Array): void {
  if (bytes.length < layout.bytes) throw invalidArgument('bytes', `at least ${layout.bytes} bytes`, bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  bytes.fill(0, 0, ALIGNMENT);
  view.setUint32(0, layout.records.length, true);
  view.setUint32(4, VERSION, true);
  for (const record of layout.records) {
    const at = record.recordOffset;
    bytes.fill(0, at, at + ALIGNMENT);
    view.setUint32(at, SENTINEL, true);
    view.setUint32(at + 4, typeCodes[record.dtype], true);
    view.setBigUint64(at + 8, BigInt(record.bytes), true);
    view.setBigUint64(at + 16, BigInt(record.dataOffset), true);
  }
}

/**
 * Writes the data of one record. fp32 values are rounded to an fp16 record (to nearest, ties to even); `Uint16Array` is fp16 bits.
 *
 * @param bytes The whole file, on an even address (on a multiple of four for fp32).
 */
export function writeRecord(
  layout: WeightFileLayout,
  name: string,
  bytes: Uint8Array,
  values: Float32Array | Uint16Array,
): void {
  const record = layout.records.find((candidate) => candidate.name === name);
  if (record === undefined) throw invalidArgument('name', `a record of ${layout.path}`, name);
  const elements = elementCount(record.shape);
  if (values.length !== elements) throw invalidArgument(`values of ${name}`, `${elements} elements`, values.length);
  const at = bytes.byteOffset + record.dataOffset;
  if (record.dtype === 'fp16') {
    if (values instanceof Uint16Array) new Uint16Array(bytes.buffer, at, elements).set(values);
    else new Float16Array(bytes.buffer, at, elements).set(values);
  } else if (record.dtype === 'fp32' && values instanceof Float32Array) {
    new Float32Array(bytes.buffer, at, elements).set(values);
  } else {
    throw invalidArgument(`values of ${name}`, `of the record's type ${record.dtype}`, values.constructor.name);
  }
}

/** Writes the headers, and the data of each record in `constants`. The caller writes the data of other records. */
export function fillWeightFile(
  layout: WeightFileLayout,
  constants: ReadonlyMap<string, Float32Array>,
  bytes: Uint8Array,
): void {
  writeBlobHeaders(layout, bytes);
  for (const { name } of layout.records) {
    const values = constants.get(name);
    if (values !== undefined) writeRecord(layout, name, bytes, values);
  }
}
