import { isDeepStrictEqual } from 'node:util';
import { invalidArgument, MayflyError } from '@mayfly/native';
import { runTokenizer } from '../data/open-tokenizer.js';
import type { TokenStream } from '../data/token-stream.js';
import type { TokenizerFiles } from '../data/tokenizer-files.js';
import { definitionNames, planLayers } from '../decoder/layer-plan.js';
import type { DisposeStack } from '../files/dispose-stack.js';
import { CompactVocabulary } from '../model/compact-vocabulary.js';
import { type ModelConfig, validateConfig } from '../model/config.js';
import { loadModel, type ModelSource } from '../model/load-model.js';
import { isPreset } from '../model/presets.js';
import { checkOptions } from '../option-table.js';
import { Pool } from '../pool/pool.js';
import { type Fill, fillParameters } from './first-parameters.js';
import {
  type FilledTrainOptions,
  type NamedConfig,
  type ResolvedTrainOptions,
  type TrainOptions,
  trainOptions,
} from './options.js';
import type { Ranks } from './ranks.js';
import { plainTrainOptions, resolveTrainOptions } from './resolve-options.js';
import { RunFolder } from './run-folder.js';
import type { RunInputs } from './run-inputs.js';
import { type ResumedRun, readRun, restoreTraining } from './training-checkpoint.js';

/** A run before anything is opened for it. */
export interface Run {
  readonly options: FilledTrainOptions;
  readonly config: ModelConfig;
  /** The inputs of the run before it was resumed, if known. */
  readonly before: RunInputs | undefined;
  readonly given: TrainOptions;
  /** Tokens that were given, instead of data to be opened. */
  readonly stream: TokenStream | undefined;
  /** Of the model that it began from; undefined where it had fresh parameters. */
  readonly modelPath: string | undefined;
  readonly tokenizerSource: string | TokenizerFiles | undefined;
  /** Of the run that is resumed. */
  readonly vocabulary: CompactVocabulary | undefined;
  readonly fill: Fill;
}

/** The run's folder, on the first rank; the options, completed from it; and the run that is resumed. */
export async function locateRun(checked: TrainOptions, ranks: Ranks, opened: DisposeStack) {
  const run = await ranks.together(() => (ranks.isFirst ? RunFolder.open(checked) : null));
  opened.adopt(run, (folder) => folder?.close());
  const { begunWith, out, resume } = await ranks.fromFirst(() => ({
    begunWith: checkOptions('the run that begins again', trainOptions, run?.begunWith) as TrainOptions,
    out: run?.path,
    resume: run?.resume,
  }));
  const pool = checked.pool instanceof Pool ? checked.pool : { ...begunWith.pool, ...checked.pool };
  const located: TrainOptions = { ...begunWith, ...checked, pool, out, resume };
  const resumed = await ranks.fromFirst(() => resumedRun(located));
  // A class does not travel.
  const { vocabulary } = resumed ?? {};
  const own = vocabulary && new CompactVocabulary(vocabulary.classes, vocabulary.whole);
  return { run, located, resumed: resumed && { ...resumed, vocabulary: own } };
}

/** The run that is resumed, as its checkpoint describes it; null for a new one. */
export const resumedRun = async ({ resume, layers }: TrainOptions): Promise<ResumedRun | null> =>
  resume === undefined ? null : await readRun(resume, layers);

/** Options, model and where the parameters come from: initialized, a model's, or those of the run to be resumed. */
export async function openRun(given: TrainOptions, run: ResumedRun | null): Promise<Run> {
  const plain = plainTrainOptions(given);
  const ownConfig = typeof given.model === 'object' ? shapeOf(given.model) : undefined;
  const stream = typeof given.data === 'object' ? given.data : undefined;
  const { resume } = given;
  if (run !== null && resume !== undefined) {
    const { config, options: resumed, inputs: before, tokenizer: carried, vocabulary } = run;
    const resolved = resolveTrainOptions(plain, { resumed });
    const read = stream === undefined ? runTokenizer(resumed) : resumed.tokenizer;
    const options = forModel(withDerived(resolved, 'tokenizer', read), config);
    if (before === undefined) process.emitWarning(unidentified(resume));
    if (ownConfig === undefined) expectSameName(plain.model, resumed.model, before);
    else if (!isDeepStrictEqual(ownConfig, config)) {
      throw invalidArgument('model', 'the shape of the run that is resumed', ownConfig);
    }
    const isNew = plain.model !== undefined && ownConfig === undefined;
    const modelPath = isNew ? (await loadModel(options.model)).path : before?.model?.source;
    const tokenizerSource = plain.tokenizer ?? carried ?? options.tokenizer;
    const fill: Fill = async (state, transfer) => {
      // A checkpoint of adapters does not hold the model.
      const base = options.lora && before?.model ? (await loadModel(before.model.source)).parameters : undefined;
      if (options.lora !== undefined) await fillParameters(state, base, options);
      return restoreTraining(resume, state, given.layers, transfer);
    };
    return { options, config, before, given, stream, modelPath, tokenizerSource, vocabulary, fill };
  }
  const options = resolveTrainOptions(plain);
  const own: Omit<ModelSource, 'description'> | undefined = ownConfig && { config: ownConfig };
  const { config, parameters, tokenizer, path: modelPath } = own ?? (await loadModel(options.model));
  if (parameters !== undefined) expectOwnLayers(options, config);
  const fill: Fill = async (state) => {
    await fillParameters(state, parameters, options);
    return undefined;
  };
  const name = typeof tokenizer === 'object' ? tokenizer.name : tokenizer;
  return {
    options: forModel(withDerived(options, 'tokenizer', name), config),
    config,
    before: undefined,
    given,
    stream,
    modelPath,
    tokenizerSource: options.tokenizer ?? tokenizer,
    vocabulary: undefined,
    fill,
  };
}

/** The files of a model hold parameters of the decoder's own layers alone. */
function expectOwnLayers({ model, layers }: ResolvedTrainOptions, config: ModelConfig): void {
  const names = definitionNames(planLayers(config, 'dynamic', layers), config);
  if (names === null) return;
  const expected = 'Expected a preset or a shape for layers that defineLayer made';
  throw new MayflyError(
    'ERR_LAYER',
    `${expected}, got the model ${model}, whose files have parameters for the decoder's own layers`,
  );
}

const shapeOf = ({ name: _, ...config }: NamedConfig): ModelConfig => validateConfig(config);

/** A model that has files is known by them, whatever it is called; others by their names. */
function expectSameName(given: string | undefined, saved: string | undefined, before: RunInputs | undefined): void {
  if (given === undefined || given === saved || (before?.model && !isPreset(given))) return;
  throw invalidArgument('model', `${saved} as in the run that is resumed`, given);
}

const unidentified = (resume: string): string =>
  `${resume} is a run of format version 1, which does not identify its data: whether it has changed cannot be told`;

function forModel(options: ResolvedTrainOptions, { sequence }: ModelConfig): FilledTrainOptions {
  const filled = withDerived(options, 'seq', Math.min(128, sequence)) as FilledTrainOptions;
  if (filled.seq > sequence) throw invalidArgument('seq', `at most the model's context of ${sequence}`, filled.seq);
  return filled;
}

/** Fills in options that were not given and whose default depends on the model. */
function withDerived<Name extends 'seq' | 'tokenizer'>(
  options: ResolvedTrainOptions,
  name: Name,
  value: ResolvedTrainOptions[Name],
): ResolvedTrainOptions {
  if (value === undefined || options[name] !== undefined) return options;
  return { ...options, [name]: value, origins: { ...options.origins, [name]: 'derived' } };
}
