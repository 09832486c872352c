import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

const temporaryName = /\.(\d+)-[0-9a-f]{8}\.tmp$/;
const active = new Set<string>();

/**
 * Writes a file as a whole or not at all: `write` fills a temporary file in the same folder, which is synced and renamed to `path`; then
 * the folder is synced.
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
    // The first error is the one to report.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  } finally {
    active.delete(temporary);
  }
  await syncFolder(dirname(path));
}

/** Whether `path` is a temporary file of `writeAtomically` whose writer has died. */
export function isAbandoned(path: string): boolean {
  const pid = Number(temporaryName.exec(path)?.[1]);
  if (!Number.isSafeInteger(pid) || active.has(path)) return false;
  // This process's id, but not active: from a process before a restart of the container or machine.
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

/** A rename reaches the disk only with its folder. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
