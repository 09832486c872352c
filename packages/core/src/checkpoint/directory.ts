import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbandoned } from '../files/atomic-file.js';
import type { PartPlace } from './format.js';

const checkpointName = /^step-(\d+)\.mayfly$/;

/** `step-00001234.mayfly`: names sort as steps do. */
export function checkpointPath(directory: string, step: number): string {
  return join(directory, `step-${String(step).padStart(8, '0')}.mayfly`);
}

/** The file of a part of a checkpoint, beside it. Without the checkpoint that names it it is nothing. */
export const partPath = (directory: string, step: number, { word, index }: PartPlace): string =>
  checkpointPath(directory, step).replace(/\.mayfly$/, `.${word}.${index}.part`);

export interface CheckpointFile {
  readonly path: string;
  readonly step: number;
}

/** The files in a directory that are named as checkpoints, the latest step first. */
export async function listCheckpoints(directory: string): Promise<CheckpointFile[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .flatMap((entry) => {
      const digits = entry.isDirectory() ? undefined : checkpointName.exec(entry.name)?.[1];
      return digits === undefined ? [] : [{ path: join(directory, entry.name), step: Number(digits) }];
    })
    .sort((a, b) => b.step - a.step);
}

/** Deletes the temporary files of writers that have died. */
export async function sweepTemporaries(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isFile() && isAbandoned(path)) await rm(path, { force: true });
  }
}
