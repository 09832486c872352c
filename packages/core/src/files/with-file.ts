import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { MayflyError } from '@mayfly/native';
import { fileError } from './file-error.js';
import { readFully } from './read-fully.js';

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
