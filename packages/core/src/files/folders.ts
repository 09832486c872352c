import { mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { fileError } from './errors.js';

/** `mayfly` in `XDG_CACHE_HOME`, `~/Library/Caches` or `~/.cache`. */
export function cacheFolder(): string {
  const { XDG_CACHE_HOME: given } = process.env;
  const cache = given || join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache');
  return join(cache, 'mayfly');
}

/**
 * Makes a folder and the missing folders above it. Node 20's recursive mkdir never returns if a file system answers ENOENT when a
 * folder is made in an existing one, as `/proc` does.
 *
 * @returns The folders that were made, the topmost first.
 * @throws `ERR_FILE` if a file has the name, or if the file system makes no folders; the system's error otherwise.
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
  throw new MayflyError('ERR_FILE', `Cannot make the folder ${path}: a file has that name`);
}

function makeOne(folder: string): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Another process made it meanwhile. A dangling link has the name, too, but is not a folder.
    if (code === 'EEXIST' && isExistingFolder(folder)) return;
    if (code !== 'ENOENT') throw error;
    const message = `Cannot make the folder ${folder}: the file system makes no folders in ${dirname(folder)}`;
    throw new MayflyError('ERR_FILE', message, { cause: error });
  }
}

/**
 * Whether an existing path is a folder.
 *
 * @param expected What should be there, for the error.
 * @throws `ERR_FILE_NOT_FOUND`, `ERR_FILE`.
 */
export function isFolder(path: string, expected: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (error) {
    throw fileError(`find ${expected} at ${path}`, error);
  }
}
