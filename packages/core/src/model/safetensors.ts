import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { Float16Array } from '@petamoriken/float16';
import { readFully } from '../data/read-fully.js';
import { isRecord, parseJson, readJson } from '../data/read-json.js';
import { withFile } from '../data/with-file.js';

// https://github.com/huggingface/safetensors: u64 length of a JSON header (little-endian), the header, then the tensors,
// whose places the header gives from its own end.

const kind = 'a safetensors file';
/** The format's own limit. */
const LARGEST_HEADER = 100_000_000;

/** A tensor in a file. */
export interface StoredTensor {
  readonly path: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte in the file. */
  readonly start: number;
  readonly bytes: number;
}

/** Bytes of an element, and its elements as numbers. */
const dtypes: Readonly<
  Record<string, { readonly bytes: number; readonly toFloats: (raw: Uint8Array) => Float32Array }>
> = {
  F32: { bytes: 4, toFloats: (raw) => new Float32Array(raw.buffer) },
  F16: { bytes: 2, toFloats: (raw) => Float32Array.from(new Float16Array(raw.buffer)) },
  // The upper half of an fp32.
  BF16: {
    bytes: 2,
    toFloats: (raw) => new Float32Array(Uint32Array.from(new Uint16Array(raw.buffer), (bits) => bits << 16).buffer),
  },
};

/**
 * The tensors of `model.safetensors` in a folder, or of the files that `model.safetensors.index.json` names.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_CHECKPOINT` for a file that is cut or of another kind.
 */
export function openSafetensors(folder: string): ReadonlyMap<string, StoredTensor> {
  const index = join(folder, 'model.safetensors.index.json');
  const files = existsSync(index) ? filesOf(index) : ['model.safetensors'];
  return new Map(files.flatMap((file) => [...tensorsOf(join(folder, file))]));
}

/** Reads a tensor as fp32. `target` has as many elements. */
export function readTensor({ path, dtype, start, bytes }: StoredTensor, target: Float32Array): void {
  withFile(path, kind, (fd) => {
    const raw = new Uint8Array(bytes);
    if (readFully(fd, raw, start) < bytes)
      throw unexpected(path, 'the file to stay whole', 'one cut while it was read');
    target.set(dtypes[dtype]!.toFloats(raw));
  });
}

function filesOf(index: string): string[] {
  const { weight_map: map } = readJson(index, 'ERR_CHECKPOINT');
  if (!isRecord(map)) throw unexpected(index, 'a weight_map from tensors to files', String(map));
  return [...new Set(Object.values(map).map(String))];
}

function tensorsOf(path: string): ReadonlyMap<string, StoredTensor> {
  return withFile(path, kind, (fd, size) => {
    const length = Buffer.alloc(8);
    const headerBytes = readFully(fd, length, 0) < 8 ? -1 : Number(length.readBigUInt64LE());
    const largest = Math.min(size - 8, LARGEST_HEADER);
    if (headerBytes < 2 || headerBytes > largest) {
      throw unexpected(
        path,
        `a safetensors header of 2 to ${largest} bytes`,
        `${headerBytes} in a file of ${size} bytes`,
      );
    }
    const header = Buffer.alloc(headerBytes);
    readFully(fd, header, 8);
    const entries = Object.entries(parseJson(header.toString(), path, 'ERR_CHECKPOINT')).filter(
      ([name]) => name !== '__metadata__',
    );
    return new Map(entries.map(([name, entry]) => [name, storedTensor(path, name, entry, 8 + headerBytes, size)]));
  });
}

function storedTensor(path: string, name: string, entry: unknown, base: number, size: number): StoredTensor {
  const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  if (typeof dtype !== 'string' || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw unexpected(path, `dtype, shape and data_offsets of ${name}`, JSON.stringify(entry));
  }
  const [first = 0, end = 0] = offsets;
  const bytes = shape.reduce((count, axis) => count * axis, 1) * (dtypes[dtype]?.bytes ?? 0);
  if (bytes !== 0 && (end - first !== bytes || base + end > size)) {
    throw unexpected(
      path,
      `${bytes} bytes of ${name} within the file's ${size}`,
      `bytes ${first} to ${end} from ${base}`,
    );
  }
  return { path, dtype, shape, start: base + first, bytes };
}

/** Whether the elements of a tensor can be read: other types are only listed. */
export const isReadable = ({ dtype }: StoredTensor): boolean => dtypes[dtype] !== undefined;

export const readableTypes = Object.keys(dtypes).join(', ');

function unexpected(path: string, expected: string, actual: string): MayflyError {
  return new MayflyError('ERR_CHECKPOINT', `${path}: Expected ${expected}, got ${actual}`);
}

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
