import { rm } from 'node:fs/promises';
import { listCheckpoints } from './directory.js';
import { runOf } from './read.js';

export interface Kept {
  /** How many of a run's checkpoints stay, the one at `step` included. */
  readonly keep: number;
  /** Checkpoints whose step is a multiple of this stay for good, and are not counted. 0: none do. */
  readonly keepEvery: number;
}

/**
 * Deletes a run's checkpoints before `step` but for the latest `keep` − 1. Those of other runs stay, and so do damaged ones,
 * of which nobody knows whose they are. What cannot be deleted stays, with a warning.
 */
export async function pruneCheckpoints(
  directory: string,
  step: number,
  run: string | undefined,
  { keep, keepEvery }: Kept,
): Promise<void> {
  try {
    const earlier = (await listCheckpoints(directory)).filter((file) => file.step < step);
    let left = keep - 1;
    for (const file of earlier) {
      if (keepEvery > 0 && file.step % keepEvery === 0) continue;
      if ((await runOf(file.path)) !== run) continue;
      if (left > 0) left -= 1;
      else await rm(file.path, { force: true });
    }
  } catch (error) {
    const { message } = error as Error;
    process.emitWarning(`checkpoints of ${directory} before step ${step} could not be removed: ${message}`);
  }
}
