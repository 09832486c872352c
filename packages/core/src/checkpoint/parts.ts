import { existsSync } from 'node:fs';
import { link, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MayflyError } from '@mayfly/native';
import { syncFolder } from '../files/atomic-file.js';
import { checkpointPath, partPath } from './directory.js';
import { readPartTable } from './read.js';

const partName = /^step-(\d+)\.([0-9a-f]{8})\.\d+\.part$/;

/** Makes an empty file for a part. False where that cannot be done: in a folder that is not there, or not writable. */
export async function createPart(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.close();
    return true;
  } catch {
    return false;
  }
}

/** Deletes the parts of checkpoints that were never finished, or are no more. No other process may be writing any. */
export async function sweepParts(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const [, digits, word] = partName.exec(name) ?? [];
    if (digits === undefined) continue;
    if (!(await isNamed(checkpointPath(directory, Number(digits)), word!)))
      await rm(join(directory, name), { force: true });
  }
}

/** Deletes a checkpoint, and then its parts. */
export async function removeCheckpoint(path: string): Promise<void> {
  const parts = await partsOf(path);
  await rm(path, { force: true });
  for (const part of parts) await rm(part, { force: true });
}

/** Moves a checkpoint with its parts to another folder of the file system. At any time one of the folders has all of it. */
export async function moveCheckpoint(path: string, folder: string): Promise<void> {
  const parts = await partsOf(path);
  for (const part of parts) {
    const to = join(folder, basename(part));
    await link(part, to).catch(() => rename(part, to));
  }
  await syncFolder(folder);
  await rename(path, join(folder, basename(path)));
  for (const part of parts) await rm(part, { force: true });
}

async function partsOf(path: string): Promise<string[]> {
  try {
    const { step, parts } = await readPartTable(path);
    const place = (index: number) => partPath(dirname(path), step, { word: parts!.word, index });
    return Array.from({ length: parts?.count ?? 0 }, (_, index) => place(index + 1)).filter((part) => existsSync(part));
  } catch (error) {
    if (error instanceof MayflyError) return [];
    throw error;
  }
}

/** Whether a checkpoint names parts with this word. One that cannot be read may. */
async function isNamed(path: string, word: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  try {
    return (await readPartTable(path)).parts?.word === word;
  } catch (error) {
    if (error instanceof MayflyError) return true;
    throw error;
  }
}
