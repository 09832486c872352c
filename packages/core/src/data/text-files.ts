import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { fileError } from './file-error.js';

/** A NUL among the first bytes says that a file is no text (git's rule). */
const LOOK_BYTES = 8000;

/**
 * A text file itself, or the text files in a folder and its folders, sorted by path. Hidden ones, symbolic links and binary
 * files in folders are left out.
 *
 * @param extensions Of files in folders, e.g. `['.md', '.d.ts']`. Default: any.
 * @throws `ERR_FILE_NOT_FOUND` where nothing is found.
 */
export function textFiles(path: string, extensions?: readonly string[]): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    const files = filesBelow(path, '').filter(
      (file) => extensions?.some((extension) => file.endsWith(extension)) ?? true,
    );
    const texts = files.map((file) => join(path, file)).filter(isText);
    if (texts.length > 0) return texts;
  } catch (error) {
    throw fileError(`text at ${path}`, error);
  }
  const kind = extensions === undefined ? 'text files' : `text files (${extensions.join(', ')})`;
  throw new MayflyError('ERR_FILE_NOT_FOUND', `Expected ${kind} in the folder ${path}, got none`);
}

/** Sorted by the code units of their paths, with `/` between names, whatever the locale and the system. */
function filesBelow(root: string, folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true }).filter(({ name }) => !name.startsWith('.'));
  return entries
    .flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) return filesBelow(root, path);
      return entry.isFile() ? [path] : [];
    })
    .sort((a, b) => (a < b ? -1 : 1));
}

function isText(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const start = Buffer.alloc(LOOK_BYTES);
    return !start.subarray(0, readSync(fd, start)).includes(0);
  } finally {
    closeSync(fd);
  }
}
