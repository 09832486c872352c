import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

const temporaryName = /\.(\d+)-[0-9a-f]{8}\.tmp$/;
const active = new Set<string>();

/**
 * Writes a file that is either whole or not there, whatever happens: `write` fills a temporary file in the same folder,
 * which is forced to disk and renamed over `path`; the folder is forced to disk, too.
 */
export async function writeAtomically(path: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  active.add(temporary);
  try {
    const file = await open(temporary, 'wx');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // What went wrong first is what the caller has to hear.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  } finally {
    active.delete(temporary);
  }
  await syncFolder(dirname(path));
}

/** Whether `path` is a temporary file of `writeAtomically` whose writer is dead. */
export function isAbandoned(path: string): boolean {
  const pid = Number(temporaryName.exec(path)?.[1]);
  if (!Number.isSafeInteger(pid) || active.has(path)) return false;
  // This process's id and not active: a namesake's, from before a restart of the container or machine.
  return pid === process.pid || !isAlive(pid);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A rename is on disk only once its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
