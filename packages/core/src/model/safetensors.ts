import { closeSync, existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { describeValue, fileError } from '../files/errors.js';
import { isRecord, openFile, parseJson, readFully, readJson, withFile } from '../files/read-file.js';
import { Float16Array } from '../float16.js';
import { type ParameterPiece, PIECE_ELEMENTS } from './parameter-pieces.js';

// https://github.com/huggingface/safetensors: u64 length of a JSON header (little-endian), the header, then the tensors,
// whose places the header gives from its own end. They follow each other without holes.

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

/** Bits of an element of each of the format's types. */
const bitsOf: ReadonlyMap<unknown, number> = new Map(
  Object.entries({
    ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6, BOOL: 8, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8 },
    ...{ U16: 16, I16: 16, F16: 16, BF16: 16, U32: 32, I32: 32, F32: 32, U64: 64, I64: 64, F64: 64, C64: 64 },
  }),
);

/** The types whose elements can be read, as numbers. */
const readable: ReadonlyMap<string, (raw: Uint8Array) => Float32Array> = new Map([
  ['F32', (raw: Uint8Array) => new Float32Array(raw.buffer)],
  ['F16', (raw) => Float32Array.from(new Float16Array(raw.buffer))],
  // The upper half of an fp32.
  ['BF16', (raw) => new Float32Array(Uint32Array.from(new Uint16Array(raw.buffer), (bits) => bits << 16).buffer)],
]);

/**
 * The tensors of `model.safetensors` in a folder; where that is not there, those that `model.safetensors.index.json` names,
 * each from the file that the index names for it.
 *
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; `ERR_CHECKPOINT` for a file that is cut or of another kind, and for a tensor that is
 * not where the index says, or that the index does not name.
 *
 * @param isLeftAside Of a tensor's name: the index need not name it.
 */
export function openSafetensors(
  folder: string,
  isLeftAside: (name: string) => boolean,
): ReadonlyMap<string, StoredTensor> {
  const single = join(folder, 'model.safetensors');
  const index = join(folder, 'model.safetensors.index.json');
  return existsSync(single) || !existsSync(index) ? safetensorsOf(single) : tensorsOfIndex(folder, index, isLeftAside);
}

/** Reads a tensor as fp32, in pieces whose offsets count from its first element. */
export function* tensorPieces({ path, dtype, start, bytes }: StoredTensor): Generator<ParameterPiece> {
  const elementBytes = bitsOf.get(dtype)! / 8;
  const { fd } = openFile(path, kind);
  try {
    for (let done = 0; done < bytes; done += PIECE_ELEMENTS * elementBytes) {
      const raw = new Uint8Array(Math.min(PIECE_ELEMENTS * elementBytes, bytes - done));
      if (readFully(fd, raw, start + done) < raw.length)
        throw unexpected(path, 'the file to stay whole', 'one cut while it was read');
      yield { offset: done / elementBytes, values: readable.get(dtype)!(raw) };
    }
  } catch (error) {
    throw fileError(`read ${kind} at ${path}`, error);
  } finally {
    closeSync(fd);
  }
}

/** Reads a tensor as fp32. `target` has as many elements. */
export function readTensor(tensor: StoredTensor, target: Float32Array): void {
  for (const { offset, values } of tensorPieces(tensor)) target.set(values, offset);
}

/** Whether the elements of a tensor can be read: other types are only listed. */
export const isReadable = ({ dtype }: StoredTensor): boolean => readable.has(dtype);

export const readableTypes = [...readable.keys()].join(', ');

function tensorsOfIndex(
  folder: string,
  index: string,
  isLeftAside: (name: string) => boolean,
): ReadonlyMap<string, StoredTensor> {
  const { weight_map: map } = readJson(index, 'ERR_CHECKPOINT');
  if (!isRecord(map)) throw unexpected(index, 'a weight_map from tensors to files', describeValue(map));
  const files = new Map<string, ReadonlyMap<string, StoredTensor>>();
  const tensors = new Map<string, StoredTensor>();
  for (const [name, file] of Object.entries(map)) {
    if (!isWithinFolder(file)) throw unexpected(index, `a file of this folder for ${name}`, describeValue(file));
    const stored = files.get(file) ?? safetensorsOf(join(folder, file));
    files.set(file, stored);
    const tensor = stored.get(name);
    if (tensor === undefined) throw unexpected(index, `${name} in ${file}, which it names for it`, 'none there');
    tensors.set(name, tensor);
  }
  // A file may hold a tensor that the index takes from another; one that it does not name at all belongs to no model.
  for (const [file, stored] of files) {
    const unnamed = [...stored.keys()].find((name) => !tensors.has(name) && !isLeftAside(name));
    if (unnamed !== undefined) throw unexpected(index, `to name every tensor of ${file}`, `none for ${unnamed}`);
  }
  return tensors;
}

function isWithinFolder(file: unknown): file is string {
  if (typeof file !== 'string' || file === '' || posix.isAbsolute(file) || /[\\\0]/.test(file)) return false;
  return !posix.normalize(file).startsWith('..');
}

/** The tensors of one file. Errors as of `openSafetensors`. */
export function safetensorsOf(path: string): ReadonlyMap<string, StoredTensor> {
  return withFile(path, kind, (fd, size) => {
    const length = Buffer.alloc(8);
    if (readFully(fd, length, 0) < length.length || size < length.length + 2) {
      throw unexpected(path, 'a safetensors header', `a file of ${size} bytes`);
    }
    const headerBytes = Number(length.readBigUInt64LE());
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
    const entries = Object.entries(parseJson(header, path, 'ERR_CHECKPOINT')).filter(
      ([name]) => name !== '__metadata__',
    );
    const tensors = new Map(entries.map(([name, entry]) => [name, storedTensor(path, name, entry, 8 + headerBytes)]));
    expectContiguous(path, tensors, 8 + headerBytes, size);
    return tensors;
  });
}

function storedTensor(path: string, name: string, entry: unknown, base: number): StoredTensor {
  const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  const bits = bitsOf.get(dtype);
  if (bits === undefined || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) {
    throw unexpected(path, `dtype, shape and data_offsets of ${name}`, describeValue(entry));
  }
  const [first = 0, end = 0] = offsets;
  const bytes = (shape.reduce((count, axis) => count * axis, 1) * bits) / 8;
  if (end - first !== bytes) throw unexpected(path, `${bytes} bytes of ${name}`, `${end - first}`);
  return { path, dtype: String(dtype), shape, start: base + first, bytes };
}

/** The format forbids tensors that overlap, and bytes that belong to none. */
function expectContiguous(path: string, tensors: ReadonlyMap<string, StoredTensor>, base: number, size: number): void {
  let position = base;
  for (const [name, { start, bytes }] of [...tensors].sort(([, a], [, b]) => a.start - b.start || a.bytes - b.bytes)) {
    if (start !== position) {
      const actual = start < position ? 'one that overlaps another' : `a hole of ${start - position} bytes before it`;
      throw unexpected(path, `${name} to begin at byte ${position}`, actual);
    }
    position += bytes;
  }
  if (position !== size) throw unexpected(path, `${position} bytes as its header says`, `a file of ${size} bytes`);
}

function unexpected(path: string, expected: string, actual: string): MayflyError {
  return new MayflyError('ERR_CHECKPOINT', `${path}: Expected ${expected}, got ${actual}`);
}

const isSizes = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
