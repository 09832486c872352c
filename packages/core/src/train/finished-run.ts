import { readCheckpoint } from '../checkpoint/read.js';
import { checkOptions } from '../option-table.js';
import { type TrainOptions, trainOptions } from './options.js';
import { plainTrainOptions, resolveTrainOptions } from './resolve-options.js';
import { RunFolder } from './run-folder.js';
import { trainingHeader } from './training-header.js';
import { isExhausted } from './validation.js';

/** A run that does not go on. */
export interface FinishedRun {
  /** Steps done. */
  readonly step: number;
  readonly reason: 'finished' | 'patience';
}

/**
 * Determines whether the run in a folder has done all of its steps, or used up its patience, before a pool starts.
 *
 * @returns Null if steps are left, or none were done.
 * @throws As `createTrainer`, for options, folder and checkpoints.
 */
export async function finishedRun(given: TrainOptions): Promise<FinishedRun | null> {
  const checked = checkOptions('createTrainer', trainOptions, given);
  const run = await RunFolder.open(checked);
  try {
    if (run?.resume === undefined) return null;
    const { options, progress } = trainingHeader(await readCheckpoint(run.resume, {}));
    const { steps, patience } = resolveTrainOptions(plainTrainOptions(checked), { resumed: options });
    const { counts, validation } = progress;
    const { step } = counts;
    if (step === steps) return { step, reason: 'finished' };
    return validation !== undefined && isExhausted(validation, patience) ? { step, reason: 'patience' } : null;
  } finally {
    run?.close();
  }
}
