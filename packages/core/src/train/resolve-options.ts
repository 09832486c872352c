import { isDeepStrictEqual } from 'node:util';
import { invalidArgument } from '@mayfly/native';
import { type LoraOptions, type LoraSettings, resolveLora } from '../decoder/lora-options.js';
import { type AnyOptionTable, resolveOptions } from '../option-table.js';
import { Pool } from '../pool/pool.js';
import { expectPossibleSchedule } from './optimizer-options.js';
import {
  type FilledTrainOptions,
  type PlainTrainOptions,
  type ResolvedTrainOptions,
  type SavedTrainOptions,
  type TrainOptions,
  trainOptions,
} from './options.js';
import { precisionOfRun, savedPrecision } from './run-precision.js';
import { MOST_STEPS } from './schedules.js';

/** Names the objects among the options. */
export function plainTrainOptions({ model, data, validation, pool, ...rest }: TrainOptions): PlainTrainOptions {
  return {
    ...rest,
    model: typeof model === 'object' ? (model.name ?? 'custom') : model,
    data: typeof data === 'object' ? data.source : data,
    validation: typeof validation === 'object' ? validation.source : validation,
    pool: pool instanceof Pool ? { device: pool.device, precision: pool.precision } : pool,
  };
}

/** Checks the user's options and fills in those of the run that is resumed, then the defaults. */
export function resolveTrainOptions(
  given: PlainTrainOptions,
  { resumed: before }: { readonly resumed?: SavedTrainOptions } = {},
): ResolvedTrainOptions {
  const { precision: _, blas: __, ...resumed } = before ?? {};
  const { options, origins } = resolveOptions('createTrainer', trainOptions, given, { resumed });
  const precision = precisionOfRun(given.pool?.precision, before, options.allowChangedPrecision);
  if (given.epochs !== undefined && given.steps !== undefined)
    throw invalidArgument('steps', 'none with epochs', given.steps);
  // Steps that are given take the place of the epochs of the run that is resumed.
  const epochs = given.steps === undefined ? options.epochs : undefined;
  const shuffles = epochs !== undefined && origins.order === 'default';
  const filled = {
    ...options,
    // The length of the data decides, once they are open.
    epochs,
    ...(epochs !== undefined && { steps: MOST_STEPS }),
    ...(shuffles && { order: 'shuffled' }),
    ...{ pool: { ...given.pool, precision }, origins },
    lora: loraSettings(given.lora, resumed),
  } as ResolvedTrainOptions;
  if (epochs !== undefined && filled.order === 'random')
    throw invalidArgument('epochs', 'windows in the order shuffled or sequential', epochs);
  expectPossibleSchedule(filled);
  expectSameShare(given, resumed);
  for (const [name, needed] of [
    ['patience', 'validation'],
    ['sampleEvery', 'sample'],
  ] as const) {
    if (given[name] && filled[needed] === undefined) throw invalidArgument(name, `given with ${needed}`, given[name]);
  }
  return filled;
}

/** Adapters that have been trained can become no others. */
function loraSettings(given: Partial<LoraOptions> | undefined, resumed: SavedTrainOptions): LoraSettings | undefined {
  const { lora: before } = resumed;
  if (given === undefined) return before;
  const lora = resolveLora({ ...before, ...given });
  if (Object.keys(resumed).length > 0 && !isDeepStrictEqual(lora, before)) {
    throw invalidArgument(
      'lora',
      `${JSON.stringify(before) ?? 'none'} as in the run that is resumed`,
      JSON.stringify(lora),
    );
  }
  return lora;
}

/** The share that is kept for validation determines the data that is trained on. */
function expectSameShare(given: PlainTrainOptions, resumed: SavedTrainOptions): void {
  if (Object.keys(resumed).length === 0 || given.validation === undefined) return;
  const [before, now] = [resumed.validation, given.validation];
  const share = (value: string | number | undefined) => (typeof value === 'number' ? value : undefined);
  if (share(before) === share(now)) return;
  const expected =
    typeof before === 'number'
      ? `${before} as in the run that is resumed`
      : 'a path, since the run that is resumed kept no share';
  throw invalidArgument('validation', expected, now);
}

/**
 * The options of a run of epochs with its steps, for the windows that an epoch has.
 *
 * @throws `ERR_INVALID_ARGUMENT` for a schedule that does not fit them.
 */
export function withEpochs(options: FilledTrainOptions, windows: number, ranks: number): FilledTrainOptions {
  const { epochs, batch, accumulate } = options;
  if (epochs === undefined) return options;
  const steps = Math.ceil((epochs * windows) / (batch * accumulate * ranks));
  const filled = { ...options, steps, origins: { ...options.origins, steps: 'derived' as const } };
  expectPossibleSchedule(filled);
  return filled;
}

/** The options of a run that a checkpoint stores. */
export function savedTrainOptions(options: FilledTrainOptions): SavedTrainOptions {
  const kept = Object.entries(trainOptions as AnyOptionTable).filter(
    ([name, row]) =>
      row.saved && !(row.derive !== undefined && options.origins[name as keyof TrainOptions] === 'derived'),
  );
  return {
    ...Object.fromEntries(kept.map(([name]) => [name, options[name as keyof FilledTrainOptions]])),
    ...savedPrecision(options.pool.precision),
  };
}
