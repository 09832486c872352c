import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, type Stats } from 'node:fs';
import { MayflyError } from '@mayfly/native';
import { fileError } from './errors.js';

/**
 * Opens a regular file for reading, and closes it whatever happens. Pipes, devices and folders are refused without waiting
 * for them.
 *
 * @param expected What should be there, e.g. `a llama2.c checkpoint`, for the error.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`.
 */
export function withFile<Result>(path: string, expected: string, use: (fd: number, size: number) => Result): Result {
  const { fd, size } = openFile(path, expected);
  try {
    return use(fd, size);
  } catch (error) {
    throw fileError(`${expected} at ${path}`, error);
  } finally {
    closeSync(fd);
  }
}

/** As `withFile`, for a file that stays open: the caller closes it. */
export function openFile(path: string, expected: string): { readonly fd: number; readonly size: number } {
  let fd: number | undefined;
  try {
    // Without O_NONBLOCK a pipe that nobody writes to would be waited for.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(fd);
    if (stats.isFile()) return { fd, size: stats.size };
    throw new MayflyError('ERR_FILE', `Expected ${expected} at ${path}, got ${kindOf(stats)}`);
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw fileError(`${expected} at ${path}`, error);
  }
}

/** Bytes of a file that is read whole: tokenizers and indexes, the largest of them, have some 30 MB. */
export const LARGEST_READ_WHOLE = 2 ** 27;

/** The bytes of a regular file. Errors: as `withFile`; `ERR_FILE` for one of more than 128 MiB. */
export function readFile(path: string, expected: string): Buffer {
  return withFile(path, expected, (fd, size) => {
    if (size > LARGEST_READ_WHOLE) {
      const most = `${expected} of at most ${LARGEST_READ_WHOLE} bytes`;
      throw new MayflyError('ERR_FILE', `Expected ${most} at ${path}, got ${size} bytes`);
    }
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readFully(fd, bytes, 0));
  });
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  if (stats.isFIFO()) return 'a pipe';
  return stats.isSocket() ? 'a socket' : 'a device';
}

/** Node's limit for one read is 2 GiB − 1. */
const LARGEST_READ = 2 ** 30;

/** Reads until `target` is full or the file ends. Returns the bytes read. */
export function readFully(fd: number, target: Uint8Array, position: number): number {
  let done = 0;
  while (done < target.length) {
    const count = readSync(fd, target, done, Math.min(target.length - done, LARGEST_READ), position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** More is nothing that we wrote. */
const LARGEST_BYTES = 2 ** 24;

/**
 * A file's text; null where nothing is there. Does not wait for the other end of a FIFO, nor read from a device without end.
 *
 * @throws `ERR_FILE` for what is no file, or larger than 16 MiB; the system's error for the rest.
 */
export function readTextIfThere(path: string): string | null {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const found = fstatSync(fd);
    const isOther = !found.isFile() && !found.isDirectory();
    if (isOther || found.size > LARGEST_BYTES) {
      const what = isOther ? 'something else of that name' : `${found.size} bytes`;
      throw new MayflyError('ERR_FILE', `Expected a file of at most 16 MiB at ${path}, got ${what}`);
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
 * @param code Of the error for a file that holds none.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`, `code`.
 */
export function readJson(path: string, code: string): Record<string, unknown> {
  return parseJson(readFile(path, 'a JSON file'), path, code);
}

/** As `readJson`, of UTF-8 that was read from `path`. */
export function parseJson(bytes: Buffer, path: string, code: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (isRecord(value)) return value;
  } catch {
    // Told below, like any other JSON that is no object.
  }
  const start = bytes.toString('utf8', 0, 40);
  throw new MayflyError(code, `${path}: Expected a JSON object, got \`${start}\``);
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
