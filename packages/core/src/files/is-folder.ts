import { statSync } from 'node:fs';
import { fileError } from './file-error.js';

/**
 * @param expected What should be there, for the error.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`.
 */
export function isFolder(path: string, expected: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw fileError(`${expected} at ${path}`, error);
  }
}
