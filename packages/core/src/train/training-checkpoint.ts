import { MayflyError } from '@mayfly/native';
import { type CheckpointFields, type Sections, sectionBytes } from '../checkpoint/format.js';
import { type Checkpoint, readCheckpoint, readCheckpointParts } from '../checkpoint/read.js';
import type { PreparedCheckpoint } from '../checkpoint/write.js';
import type { TokenizerFiles } from '../data/tokenizer-files.js';
import { allFinite, checkValues } from '../decoder/finite.js';
import type { LayersOption } from '../decoder/layer-plan.js';
import type { ModelState } from '../decoder/model-state.js';
import type { Tensor } from '../memory/tensor.js';
import { type Lora, storedElements } from '../model/adapters.js';
import { carriedTokenizer } from '../model/checkpoint-model.js';
import { type CompactVocabulary, carriedVocabulary, classesSection } from '../model/compact-vocabulary.js';
import type { ModelConfig } from '../model/config.js';
import { CheckpointParts } from './checkpoint-parts.js';
import { MomentTransfer } from './moment-transfer.js';
import type { FilledTrainOptions, SavedTrainOptions } from './options.js';
import type { Ranks } from './ranks.js';
import { savedTrainOptions } from './resolve-options.js';
import type { RunFolder, SavedContents, SavePlace } from './run-folder.js';
import type { RunInputs } from './run-inputs.js';
import { type TrainingProgress, trainingHeader } from './training-header.js';

/** The inputs of a run as its checkpoints store them. */
export interface CarriedInputs {
  readonly inputs: RunInputs;
  /** Names of the layers' definitions; null where all are the decoder's own. */
  readonly layers: readonly string[] | null;
  /** The adapters that are trained; then a checkpoint holds them alone, and `inputs` identify the model. */
  readonly adapters?: Lora | undefined;
  /** The tokenizer's sections. */
  readonly tokenizer: Sections;
}

/**
 * Writes a checkpoint; returns its path. Moments that are shared out are written by the ranks that have them, each into a file of its own, where
 * all see the run's folder; else they go through the first. `keep` older ones remain, one more than asked for, until a step has shown that the parameters
 * in the new one give a finite loss.
 *
 * @param run Null on all ranks but the first, which call it, too.
 * @param place `best` replaces the checkpoint of the lowest validation loss instead.
 * @throws `ERR_NOT_FINITE` if parameters or moments are not finite: earlier checkpoints remain.
 */
export async function saveTraining(
  run: RunFolder | null,
  state: ModelState,
  progress: TrainingProgress,
  options: FilledTrainOptions,
  carried: CarriedInputs,
  { ranks, place = 'run' }: { readonly ranks: Ranks; readonly place?: SavePlace },
): Promise<string> {
  await ranks.together(async () => {
    for (const name of ['parameters', 'firstMoments', 'secondMoments'] as const) {
      if (await allFinite(state[name])) continue;
      const { step } = progress.counts;
      throw new MayflyError('ERR_NOT_FINITE', `no checkpoint of step ${step} was written: its ${name} are not finite`);
    }
  });
  const { step } = progress.counts;
  const contents = (): Omit<SavedContents, 'sections'> => ({
    fields: fieldsOf(state, progress, options, carried),
    kept: { keep: options.keep + 1, keepEvery: options.keepEvery },
  });
  const sections = { ...sectionsOf(state), ...carried.tokenizer };
  const folder = await ranks.fromFirst(() => run!.beginSave(step, place));
  const { shards } = state;
  const parts = shards && (await CheckpointParts.create(ranks, folder, step));
  const commit = (prepared: PreparedCheckpoint | undefined) => ranks.fromFirst(() => prepared!.commit());
  if (shards !== null && parts === null)
    return await commit(await gather(run, state, ranks, { step, place, ...contents(), sections }));
  let prepared: PreparedCheckpoint | undefined;
  try {
    await ranks.throughout(async () => {
      if (run !== null) {
        const table = parts?.tableOf(state);
        prepared = await run.prepareSave(step, place, { ...contents(), sections, parts: table });
      } else if (parts !== null) {
        await parts.write(momentsOf(state));
      }
    });
  } catch (error) {
    await prepared?.discard();
    await parts?.discard();
    throw error;
  }
  return await commit(prepared);
}

/** Writes a checkpoint whose moments the first rank gets from the others. */
async function gather(
  run: RunFolder | null,
  state: ModelState,
  ranks: Ranks,
  { step, place, ...contents }: SavedContents & { readonly step: number; readonly place: SavePlace },
): Promise<PreparedCheckpoint | undefined> {
  const transfer = new MomentTransfer(ranks, state);
  let prepared: PreparedCheckpoint | undefined;
  try {
    await ranks.together(async () => {
      if (run === null) return await transfer.give();
      try {
        const sections = { ...contents.sections, ...transfer.gathered() };
        prepared = await run.prepareSave(step, place, { ...contents, sections });
      } finally {
        await transfer.finishGather();
      }
    });
  } catch (error) {
    await prepared?.discard();
    throw error;
  }
  return prepared;
}

/** The header of a training run's checkpoint, but for what every checkpoint of a run has. */
function fieldsOf(
  state: ModelState,
  progress: TrainingProgress,
  options: FilledTrainOptions,
  { inputs, layers, adapters }: CarriedInputs,
): CheckpointFields {
  const vocabulary = state.compact?.vocabulary;
  return {
    config: state.wholeConfig,
    options: placed(savedTrainOptions(options), inputs),
    progress,
    inputs,
    ...(layers && { layers }),
    ...(adapters && { adapters }),
    ...(vocabulary && { vocabulary: { classes: vocabulary.classes.length, sha256: vocabulary.sha256 } }),
  };
}

/** The approximate size of a checkpoint: without header and padding, which are small. */
export const checkpointBytes = (state: ModelState, { tokenizer }: CarriedInputs): number =>
  Object.values({ ...sectionsOf(state), ...tokenizer }).reduce((sum, section) => sum + sectionBytes(section), 0) +
  // The moments of other ranks.
  4 * (state.trained.count - state.own.trained.count + state.adapted.count - state.own.adapted.count);

/** Makes paths among the options absolute, so that they are right in any working directory. */
function placed(options: SavedTrainOptions, { model, data, validation, tokenizer }: RunInputs): SavedTrainOptions {
  return {
    ...options,
    ...(model && { model: model.source }),
    data: data.source,
    ...(validation && { validation: validation.source }),
    ...(tokenizer && { tokenizer: tokenizer.source }),
  };
}

/** A run to be resumed, as its latest checkpoint describes it. */
export interface ResumedRun {
  readonly config: ModelConfig;
  readonly options: SavedTrainOptions;
  /** Undefined in checkpoints of format version 1. */
  readonly inputs: RunInputs | undefined;
  /** The tokenizer in its checkpoint. */
  readonly tokenizer: TokenizerFiles | undefined;
  /** Of a run with `compactVocabulary`. */
  readonly vocabulary: CompactVocabulary | undefined;
}

/** Reads the header of a run's checkpoint, before memory for its parameters is allocated. */
export async function readRun(source: string, layers?: LayersOption): Promise<ResumedRun> {
  const { checkpoint, parts } = await readCheckpointParts(source, async (found, readSection) => ({
    tokenizer: await carriedTokenizer(found, readSection),
    vocabulary: await carriedVocabulary(found, readSection),
  }));
  const { config, options, inputs } = trainingHeader(checkpoint, layers);
  return { config, options: checkpoint.version === 1 ? asGiven(options) : options, inputs, ...parts };
}

/** Version 1 stored the default of `minLr` as a given value. */
function asGiven({ minLr, ...options }: SavedTrainOptions): SavedTrainOptions {
  return minLr === undefined || minLr === Number(options.lr) / 10 ? options : { ...options, minLr };
}

/**
 * Reads parameters and moments into `state`; calls `onWarning` for each damaged checkpoint that it skips.
 *
 * @param transfer Hands out moments that the ranks share. Default: this process has all.
 */
export async function restoreTraining(
  source: string,
  state: ModelState,
  layers?: LayersOption,
  transfer: MomentTransfer | null = null,
  onWarning: (message: string) => void = (message) => process.emitWarning(message),
): Promise<TrainingProgress> {
  const { [classesSection]: _, ...targets } = sectionsOf(state);
  const checkpoint =
    transfer === null ? await readCheckpoint(source, targets) : await scatterCheckpoint(source, targets, transfer);
  for (const warning of checkpoint.warnings) onWarning(warning);
  const { progress } = trainingHeader(checkpoint, layers);
  await checkValues(state, checkpoint.path);
  return progress;
}

/** Reads a checkpoint that is known to be whole, since what other ranks got could not be taken back. */
async function scatterCheckpoint(source: string, targets: Sections, transfer: MomentTransfer): Promise<Checkpoint> {
  const { path, warnings } = await readCheckpoint(source, {}, { parts: true });
  await transfer.beginScatter();
  return { ...(await readCheckpoint(path, { ...targets, ...transfer.scattered() })), warnings };
}

function sectionsOf(state: ModelState): Sections {
  const { first, count } = storedElements(state.layout);
  const isWhole = state.compact === null || first > 0;
  return {
    // A checkpoint is a model of the whole vocabulary; moments are those of the parameters that are trained.
    parameters: isWhole ? bytesOf(state.parameters.at(first, [count])) : state.compact.pieces(),
    ...momentsOf(state),
    ...(state.compact && { [classesSection]: state.compact.vocabulary.bytes }),
  };
}

const momentsOf = ({ firstMoments, secondMoments }: ModelState): Sections => ({
  firstMoments: bytesOf(firstMoments),
  secondMoments: bytesOf(secondMoments),
});

const bytesOf = ({ arena, offset, bytes }: Tensor): Uint8Array => arena.view(offset, bytes);
