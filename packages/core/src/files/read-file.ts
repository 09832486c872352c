import { closeSync, constants, fstatSync, openSync, read, readFileSync, readSync, type Stats } from 'node:fs';
import { promisify } from 'node:util';
import { MayflyError } from '@mayfly/native';
import { fileError } from './errors.js';

/**
 * Opens a regular file for reading, and closes it in any case. Pipes, devices and folders are refused at once.
 *
 * @param expected What the file should be, for the error, e.g. `a llama2.c checkpoint`.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`; the errors of `use`.
 */
export function withFile<Result>(path: string, expected: string, use: (fd: number, size: number) => Result): Result {
  const { fd, size } = openFile(path, expected);
  try {
    return use(fd, size);
  } catch (error) {
    throw fileError(`read ${expected} at ${path}`, error);
  } finally {
    closeSync(fd);
  }
}

/** As `withFile`, but the caller closes the file. */
export function openFile(path: string, expected: string): { readonly fd: number; readonly size: number } {
  const action = `read ${expected} at ${path}`;
  let fd: number | undefined;
  try {
    // With O_NONBLOCK, opening a pipe does not wait for a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(fd);
    if (stats.isFile()) return { fd, size: stats.size };
    throw new MayflyError('ERR_FILE', `Cannot ${action}: it is ${kindOf(stats)}`);
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw fileError(action, error);
  }
}

/** Limit for files that are read whole. Tokenizers and indexes, the largest of them, have some 30 MB. */
export const LARGEST_READ_WHOLE = 2 ** 27;

/**
 * The bytes of a regular file.
 *
 * @throws As `withFile`; `ERR_FILE` for more than 128 MiB.
 */
export function readFile(path: string, expected: string): Buffer {
  return withFile(path, expected, (fd, size) => {
    if (size > LARGEST_READ_WHOLE) throw tooLarge(path, expected, size);
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readFully(fd, bytes, 0));
  });
}

/**
 * As `readFile`; from `/dev/stdin` and `/dev/fd/N`, which shells give for pipes, reads to the end, for which it waits.
 *
 * @throws As `readFile`.
 */
export function readFileOrInput(path: string, expected: string): Buffer {
  if (!/^\/dev\/(stdin|fd\/\d+)$/.test(path)) return readFile(path, expected);
  const chunks: Buffer[] = [];
  let total = 0;
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    for (;;) {
      const chunk = Buffer.alloc(2 ** 16);
      const count = readSync(fd, chunk);
      if (count === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, count));
      total += count;
      if (total > LARGEST_READ_WHOLE) throw tooLarge(path, expected, total);
    }
  } catch (error) {
    throw fileError(`read ${expected} at ${path}`, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const tooLarge = (path: string, expected: string, size: number): MayflyError =>
  new MayflyError(
    'ERR_FILE',
    `Cannot read ${expected} at ${path}: it has ${size} bytes, the limit is ${LARGEST_READ_WHOLE}`,
  );

export function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSymbolicLink()) return 'a symbolic link';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** Node's limit for one read is 2 GiB − 1. */
const LARGEST_READ = 2 ** 30;

/** Reads until `target` is full or the file ends. Returns the number of bytes read. */
export function readFully(fd: number, target: Uint8Array, position: number): number {
  let done = 0;
  while (done < target.length) {
    const count = readSync(fd, target, done, Math.min(target.length - done, LARGEST_READ), position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

const readChunk = promisify(read);

/** As `readFully`, on a thread of libuv. */
export async function readFullyAsync(fd: number, target: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < target.length) {
    const count = Math.min(target.length - done, LARGEST_READ);
    const { bytesRead } = await readChunk(fd, target, done, count, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Limit for the small files that Mayfly itself writes. */
const LARGEST_OWN = 2 ** 24;

/**
 * The text of a small file; null if it does not exist. Does not wait for the writer of a pipe, nor read from a device.
 *
 * @throws `ERR_FILE` for anything but a file, and for one above 16 MiB; the system's error otherwise.
 */
export function readTextIfThere(path: string): string | null {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(fd);
    // For a folder, readFileSync below throws the system's error.
    if (!stats.isFile() && !stats.isDirectory()) {
      throw new MayflyError('ERR_FILE', `Cannot read ${path}: it is ${kindOf(stats)}`);
    }
    if (stats.size > LARGEST_OWN) {
      throw new MayflyError('ERR_FILE', `Cannot read ${path}: it has ${stats.size} bytes, the limit is 16 MiB`);
    }
    return readFileSync(fd, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * The object in a JSON file.
 *
 * @param code Code of the error for other content.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`, `code`.
 */
export function readJson(path: string, code: string): Record<string, unknown> {
  return parseJson(readFile(path, 'a JSON file'), path, code);
}

/** As `readJson`, for UTF-8 that was read from `path`. */
export function parseJson(bytes: Buffer, path: string, code: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (isRecord(value)) return value;
  } catch {
    // The same error as for JSON that is not an object.
  }
  const start = bytes.toString('utf8', 0, 40);
  throw new MayflyError(code, `${path}: Expected a JSON object, got \`${start}\``);
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
