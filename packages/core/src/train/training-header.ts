import { MayflyError } from '@mayfly/native';
import type { CheckpointHeader } from '../checkpoint/format.js';
import type { Checkpoint } from '../checkpoint/read.js';
import type { WindowState } from '../data/windows.js';
import { definitionNames, type LayersOption, planLayers } from '../decoder/layer-plan.js';
import { isRecord } from '../files/read-file.js';
import { adaptersIn, type Lora, storedElements } from '../model/adapters.js';
import { type CheckpointLayers, checkpointConfig } from '../model/checkpoint-model.js';
import type { ModelConfig } from '../model/config.js';
import { ParameterLayout } from '../model/parameters.js';
import type { LossScalerState } from './loss-scaler.js';
import type { SavedTrainOptions } from './options.js';
import type { RunInputs } from './run-inputs.js';
import type { StepCounts } from './train-step.js';
import type { ValidationState } from './validation.js';

/** The state, beside parameters and moments, with which a run continues bit for bit. */
export interface TrainingProgress {
  readonly counts: StepCounts;
  readonly lossScaler: LossScalerState;
  readonly windows: WindowState;
  /** Fingerprint of all losses so far. */
  readonly lossDigest: string;
  readonly lastLoss: number | null;
  /** Ranks that shared out the passes of a step. Default: 1. */
  readonly ranks?: number | undefined;
  /** Absent in a run without validation data. */
  readonly validation?: ValidationState | undefined;
}

/** The header of a training run's checkpoint. */
export interface TrainingHeader extends CheckpointHeader {
  readonly config: ModelConfig;
  readonly options: SavedTrainOptions;
  readonly progress: TrainingProgress;
  /** Adapters, which are then all of its parameters. */
  readonly adapters?: Lora | undefined;
  /** Absent in format version 1. */
  readonly inputs?: RunInputs | undefined;
}

/**
 * The header of a checkpoint, every field checked but the options, which are checked like those of a caller.
 *
 * @param layers The definitions of its layers, where these are not the decoder's own.
 * @throws `ERR_CHECKPOINT` where the checkpoint is of no training run, or a field cannot be what a run wrote; `ERR_LAYER` where the
 * layers are not those of the run.
 */
export function trainingHeader(checkpoint: Checkpoint, layers?: LayersOption): TrainingHeader {
  const { path, header, version } = checkpoint;
  const { options, progress, inputs } = header;
  if (!isRecord(options) || !isRecord(progress)) {
    throw unexpected(path, 'the checkpoint of a training run', 'one without its progress');
  }
  const { counts, lossScaler, windows, lossDigest, lastLoss, ranks, validation } = progress;
  const checks: Readonly<Record<string, boolean>> = {
    counts: isRecord(counts) && counts.step === header.step && isCount(counts.optimizerStep),
    lossScaler:
      isRecord(lossScaler) && isPositive(lossScaler.scale) && areCounts(lossScaler.goodSteps, lossScaler.skipped),
    windows: isRecord(windows) && isPlaceInWindows(windows),
    lossDigest: typeof lossDigest === 'string' && /^([0-9a-f]{64})?$/.test(lossDigest),
    lastLoss: lastLoss === null || typeof lastLoss === 'number',
    ranks: ranks === undefined || isCount(ranks),
    validation: validation === undefined || (isRecord(validation) && isValidationState(validation)),
    inputs: version === 1 ? inputs === undefined : isRecord(inputs) && areInputs(inputs),
  };
  const wrong = Object.keys(checks).find((name) => !checks[name]);
  if (wrong !== undefined) throw unexpected(path, `${wrong} of a training run in the header`, 'something else');
  return {
    ...header,
    config: checkpointConfig(checkpoint, (config) => layersOf(config, layers, adaptersIn(checkpoint))),
  } as TrainingHeader;
}

/** The layers that a run is given. */
function layersOf(config: ModelConfig, layers: LayersOption | undefined, lora: Lora | undefined): CheckpointLayers {
  const plans = planLayers(config, 'dynamic', layers, lora);
  const layout = new ParameterLayout(config, (layer) => plans[layer]!.definition.parameters(config));
  return { names: definitionNames(plans, config), count: storedElements(layout).count };
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const areCounts = (...values: unknown[]): boolean => values.every(isCount);
const isPositive = (value: unknown): boolean => Number.isFinite(value) && (value as number) > 0;

function isPlaceInWindows({ order, taken, random, seed }: Record<string, unknown>): boolean {
  if (order === 'sequential') return isCount(taken);
  if (order === 'shuffled') return areCounts(taken, seed);
  const isWord = (word: unknown) => typeof word === 'number' && word === (word | 0);
  return order === 'random' && Array.isArray(random) && random.length === 4 && random.every(isWord);
}

function isValidationState({ step, best, sinceBest }: Record<string, unknown>): boolean {
  const isBest = best === null || (isRecord(best) && isCount(best.step) && Number.isFinite(best.crossEntropy));
  return (step === null || isCount(step)) && isBest && isCount(sinceBest);
}

function areInputs({ model, data, validation, tokenizer }: Record<string, unknown>): boolean {
  const isIdentity = (value: unknown): value is Record<string, unknown> =>
    isRecord(value) && typeof value.source === 'string' && /^[0-9a-f]{64}$/.test(String(value.sha256));
  const mayBeNull = [model, tokenizer].every((input) => input === null || isIdentity(input));
  const isTokens = (value: unknown) => isIdentity(value) && isCount(value.tokens);
  return mayBeNull && isTokens(data) && (validation === undefined || isTokens(validation));
}

const unexpected = (path: string, expected: string, actual: string): MayflyError =>
  new MayflyError('ERR_CHECKPOINT', `${path}: Expected ${expected}, got ${actual}`);
