import { readCheckpoint } from '../checkpoint/read.js';
import { checkOptions } from '../option-table.js';
import { plainTrainOptions, resolveTrainOptions, type TrainOptions, trainOptions } from './options.js';
import { RunFolder } from './run-folder.js';
import { trainingHeader } from './training-header.js';

/**
 * Determines whether the run in a folder has done all of its steps, before a pool starts.
 *
 * @returns The number of steps; null if steps are left, or none were done.
 * @throws As `createTrainer`, for options, folder and checkpoints.
 */
export async function finishedSteps(given: TrainOptions): Promise<number | null> {
  const checked = checkOptions('createTrainer', trainOptions, given);
  const run = await RunFolder.open(checked);
  try {
    if (run?.resume === undefined) return null;
    const { options, progress } = trainingHeader(await readCheckpoint(run.resume, {}));
    const { steps } = resolveTrainOptions(plainTrainOptions(checked), { resumed: options });
    const { step } = progress.counts;
    return step === steps ? step : null;
  } finally {
    run?.close();
  }
}
