import { closeSync, fstatSync, openSync } from 'node:fs';
import { fileError } from './file-error.js';

/**
 * Opens a file for reading, and closes it whatever happens.
 *
 * @param expected What should be there, e.g. `a llama2.c checkpoint`, for the error.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`.
 */
export function withFile<Result>(path: string, expected: string, use: (fd: number, size: number) => Result): Result {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    return use(fd, fstatSync(fd).size);
  } catch (error) {
    throw fileError(`${expected} at ${path}`, error);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}
