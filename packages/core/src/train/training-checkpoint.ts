import { MayflyError } from '@mayfly/native';
import {
  type CheckpointHeader,
  readCheckpoint,
  readCheckpointHeader,
  type Sections,
} from '../checkpoint/checkpoint.js';
import type { WindowState } from '../data/windows.js';
import type { Tensor } from '../memory/tensor.js';
import type { ModelConfig } from '../model/config.js';
import { validateConfig } from '../model/validate-config.js';
import { allFinite, checkValues } from './finite.js';
import type { LossScalerState } from './loss-scaler.js';
import type { ModelState } from './model-state.js';
import { type FilledTrainOptions, type SavedTrainOptions, savedTrainOptions } from './options.js';
import type { RunFolder } from './run-folder.js';
import type { StepCounts } from './train-step.js';

/** What a run needs, beside parameters and moments, to go on bit for bit. */
export interface TrainingProgress {
  readonly counts: StepCounts;
  readonly lossScaler: LossScalerState;
  readonly windows: WindowState;
  /** Fingerprint of all losses so far. */
  readonly lossDigest: string;
  readonly lastLoss: number | null;
}

interface TrainingHeader extends CheckpointHeader {
  readonly config: ModelConfig;
  readonly options: SavedTrainOptions;
  readonly progress: TrainingProgress;
}

/**
 * Writes a checkpoint and removes old ones; answers its path.
 *
 * @throws `ERR_NOT_FINITE` where parameters or moments are not finite: checkpoints that were written before stay.
 */
export async function saveTraining(
  run: RunFolder,
  state: ModelState,
  progress: TrainingProgress,
  options: FilledTrainOptions,
): Promise<string> {
  for (const name of ['parameters', 'firstMoments', 'secondMoments'] as const) {
    if (allFinite(state[name])) continue;
    const { step } = progress.counts;
    throw new MayflyError('ERR_NOT_FINITE', `no checkpoint of step ${step} was written: its ${name} are not finite`);
  }
  const header = { config: state.config, options: savedTrainOptions(options), progress };
  const { keep, keepEvery } = options;
  return run.save(progress.counts.step, header, sectionsOf(state), { keep, keepEvery });
}

/** About the size of a checkpoint, for which header and padding are as good as nothing. */
export const checkpointBytes = (state: ModelState): number =>
  Object.values(sectionsOf(state)).reduce((sum, { byteLength }) => sum + byteLength, 0);

/** The model and options of the run to be resumed. */
export async function readTrainingOptions(source: string): Promise<Pick<TrainingHeader, 'config' | 'options'>> {
  const { path, header } = await readCheckpointHeader(source);
  const { config, options } = trainingHeader(header, path);
  return { config: validateConfig(config), options };
}

/** Reads parameters and moments into `state`; `onWarning` is told of damaged checkpoints that were passed over. */
export async function restoreTraining(
  source: string,
  state: ModelState,
  onWarning: (message: string) => void = (message) => process.emitWarning(message),
): Promise<TrainingProgress> {
  const { path, header, warnings } = await readCheckpoint(source, sectionsOf(state));
  for (const warning of warnings) onWarning(warning);
  checkValues(state, path);
  return trainingHeader(header, path).progress;
}

function trainingHeader(header: CheckpointHeader, path: string): TrainingHeader {
  const { config, options, progress } = header as Partial<TrainingHeader>;
  if (config !== undefined && options !== undefined && progress !== undefined) return header as TrainingHeader;
  throw new MayflyError(
    'ERR_CHECKPOINT',
    `${path}: Expected the checkpoint of a training run, got one without its progress`,
  );
}

function sectionsOf(state: ModelState): Sections {
  return {
    parameters: bytesOf(state.parameters),
    firstMoments: bytesOf(state.firstMoments),
    secondMoments: bytesOf(state.secondMoments),
  };
}

const bytesOf = ({ arena, offset, bytes }: Tensor): Uint8Array => arena.view(offset, bytes);
