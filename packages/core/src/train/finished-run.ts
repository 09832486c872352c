import { readCheckpoint } from '../checkpoint/read.js';
import { checkOptions } from '../option-table.js';
import { plainTrainOptions, resolveTrainOptions, type TrainOptions, trainOptions } from './options.js';
import { RunFolder } from './run-folder.js';
import { trainingHeader } from './training-header.js';

/**
 * Finds out whether a run in a folder of its own has done all of its steps, before anything is started for it.
 *
 * @returns How many; null where some are left, or none were done.
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
