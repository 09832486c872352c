import { accessSync, constants, type Dirent, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { fileError } from '../files/errors.js';
import { logName } from '../run/run-log.js';

/** Folders between the given one and a run: `runs/rates/lr=1e-3` is found in `runs`. */
const DEPTH = 2;

/**
 * The folders of runs, each with its name below the given folder that holds it (a folder that is a run itself has its own name). Sorted by
 * name, each folder once. Folders and logs below a given folder that cannot be read are left out: they may belong to somebody else.
 *
 * @throws `ERR_FILE_NOT_FOUND` if a given folder does not exist, `ERR_FILE` if it cannot be read.
 */
export function findRuns(folders: readonly string[]): { readonly folder: string; readonly name: string }[] {
  const found = new Map<string, string>();
  for (const given of folders) {
    const top = resolve(given);
    if (hasLog(top)) found.set(top, top.split('/').at(-1)!);
    else for (const name of below(top, given)) found.set(join(top, name), name);
  }
  return [...found]
    .map(([folder, name]) => ({ folder, name }))
    .sort((one, other) => (one.name < other.name ? -1 : Number(one.name > other.name)));
}

function below(top: string, given: string): string[] {
  try {
    return runsIn(top, '', DEPTH);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new MayflyError('ERR_FILE_NOT_FOUND', `Expected a run or a folder of runs, got nothing at ${given}`);
    }
    throw fileError(`read the folder ${given}`, error);
  }
}

function runsIn(top: string, prefix: string, depth: number): string[] {
  const folders = readdirSync(join(top, prefix), { withFileTypes: true }).filter(isFolder);
  return folders.flatMap(({ name }) => {
    const path = join(prefix, name);
    if (hasLog(join(top, path))) return isReadable(join(top, path, logName)) ? [path] : [];
    return depth > 1 ? unlessUnreadable(() => runsIn(top, path, depth - 1)) : [];
  });
}

const isFolder = (entry: Dirent): boolean =>
  entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.');

function hasLog(folder: string): boolean {
  try {
    return statSync(join(folder, logName)).isFile();
  } catch {
    return false;
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** A folder below the given one may belong to somebody else. */
function unlessUnreadable(list: () => string[]): string[] {
  try {
    return list();
  } catch {
    return [];
  }
}
