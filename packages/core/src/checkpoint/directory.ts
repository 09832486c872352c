import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isAbandoned } from '../data/atomic-file.js';

const checkpointName = /^step-(\d+)\.mayfly$/;

/** `step-00001234.mayfly`: names sort as steps do. */
export function checkpointPath(directory: string, step: number): string {
  return join(directory, `step-${String(step).padStart(8, '0')}.mayfly`);
}

export interface CheckpointFile {
  readonly path: string;
  readonly step: number;
}

/** The checkpoints in a directory, by their names: the latest step first. */
export async function listCheckpoints(directory: string): Promise<CheckpointFile[]> {
  const names = await readdir(directory);
  return names
    .flatMap((name) => {
      const digits = checkpointName.exec(name)?.[1];
      return digits === undefined ? [] : [{ path: join(directory, name), step: Number(digits) }];
    })
    .sort((a, b) => b.step - a.step);
}

/**
 * Deletes checkpoints before `step` but for the latest `keep` − 1. Later ones stay: they are of a run that went further and
 * was resumed from an earlier step, and nobody said that they may go.
 */
export async function pruneCheckpoints(directory: string, step: number, keep: number): Promise<void> {
  const earlier = (await listCheckpoints(directory)).filter((file) => file.step < step);
  for (const { path } of earlier.slice(keep - 1)) await rm(path, { force: true });
}

/** Deletes the temporary files of writers that died. */
export async function sweepTemporaries(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (isAbandoned(path)) await rm(path, { force: true });
  }
}
