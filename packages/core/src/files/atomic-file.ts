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
  const file = await prepareFile(path, write);
  await file.commit();
}

/** A file that is written, and does not have its name yet. Exactly one of the two is called, once. */
export interface PreparedFile {
  commit(): Promise<void>;
  /** Deletes it; does not throw. */
  discard(): Promise<void>;
}

/** As `writeAtomically`, but for the file's name, which `commit` gives it. */
export async function prepareFile(path: string, write: (file: FileHandle) => Promise<void>): Promise<PreparedFile> {
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
  active.add(temporary);
  const discard = async () => {
    await rm(temporary, { force: true }).catch(() => {});
    active.delete(temporary);
  };
  const orDiscard = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      // The first error is the one to report.
      await discard();
      throw error;
    }
  };
  await orDiscard(async () => {
    const file = await open(temporary, 'wx');
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
  });
  const commit = async () => {
    await orDiscard(() => rename(temporary, path));
    active.delete(temporary);
    await syncFolder(dirname(path));
  };
  return { commit, discard };
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

/** A name reaches the disk only with its folder. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
