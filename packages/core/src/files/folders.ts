import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { fileError } from './errors.js';

/**
 * Makes a folder and those above it that are not there. Node 20's recursive mkdir never returns where a file system answers
 * ENOENT to the making of a folder in one that exists, as `/proc` does.
 *
 * @returns The folders that were made, the topmost first.
 * @throws `ERR_FILE` where something else has the name, or where the file system makes no folders; the system's error for the rest.
 */
export function makeFolder(path: string): string[] {
  const missing: string[] = [];
  let existing = resolve(path);
  while (!isExistingFolder(existing)) {
    missing.push(existing);
    existing = dirname(existing);
  }
  missing.reverse();
  for (const folder of missing) makeOne(folder);
  return missing;
}

function isExistingFolder(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (found.isDirectory()) return true;
  throw new MayflyError('ERR_FILE', `Expected ${path} to be a folder, got a file of that name`);
}

function makeOne(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Somebody else made it meanwhile. A link to nothing has the name, too, but is no folder.
    if (code === 'EEXIST' && isExistingFolder(folder)) return;
    if (code !== 'ENOENT') throw error;
    const above = dirname(folder);
    throw new MayflyError(
      'ERR_FILE',
      `Expected to make the folder ${folder}, got a file system without room for folders in ${above}`,
      {
        cause: error,
      },
    );
  }
}

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
