import { resolve } from 'node:path';
import { invalidArgument, MayflyError } from '@mayfly/native';
import { bag, instance, object } from '../check.js';
import { openData } from '../data/open-data.js';
import { runTokenizer } from '../data/open-tokenizer.js';
import { expectText } from '../data/text-files.js';
import { isTokenFile } from '../data/token-file.js';
import type { TokenStream } from '../data/token-stream.js';
import { readTokenizerFiles, type TokenizerFiles } from '../data/tokenizer-files.js';
import { Windows } from '../data/windows.js';
import { DisposeStack } from '../files/dispose-stack.js';
import { programForm, resolveDevice } from '../machine/device.js';
import { ArenaScope } from '../memory/scope.js';
import { tokenizerSections } from '../model/checkpoint-model.js';
import { isPreset, type ModelConfig, validateConfig } from '../model/config.js';
import { initializeParameters } from '../model/initialize.js';
import { loadModel, type ModelSource } from '../model/load-model.js';
import { checkOptions } from '../option-table.js';
import { createPool, Pool } from '../pool/pool.js';
import { checkSizes } from '../programs/define-layer.js';
import { checkChipRules } from './chip-rules.js';
import { arenaBytesFor, Decoder } from './decoder.js';
import { checkValues } from './finite.js';
import { checkFrozen, definitionNames, planLayers } from './layer-plan.js';
import type { ModelState } from './model-state.js';
import { modelTokenizer } from './model-tokenizer.js';
import {
  type FilledTrainOptions,
  type ResolvedTrainOptions,
  resolveTrainOptions,
  type TrainOptions,
  trainOptions,
} from './options.js';
import { RANGE_CHECK_BYTES, RangeCheck } from './range-check.js';
import { describeOptions, describeRun } from './run-description.js';
import { RunFolder } from './run-folder.js';
import { expectSameInputs, identifyInputs, type RunInputs } from './run-inputs.js';
import type { KernelCompiler } from './timed-kernel.js';
import { Trainer } from './trainer.js';
import { checkpointBytes, readRun, restoreTraining } from './training-checkpoint.js';
import type { TrainingProgress } from './training-header.js';

/** What a program that embeds Mayfly may give beside the options. */
export interface TrainerExtras {
  /** A shape to train from scratch, instead of loading `model`, which then is only its name. */
  readonly config?: ModelConfig | undefined;
  /** Tokens already at hand, instead of opening `data`. The trainer closes them at its end; a start that fails leaves them open. */
  readonly stream?: TokenStream | undefined;
  /** A pool to train on, which stays open; options about devices and workers then mean nothing. */
  readonly pool?: Pool | undefined;
}

const extraRules = {
  config: object<ModelConfig>(),
  stream: object<TokenStream>(),
  pool: instance(Pool, 'a pool of createPool'),
};

/**
 * Opens model and data, starts a pool whose arena is as large as the run needs, compiles the kernels. The caller closes the
 * trainer.
 *
 * @throws `ERR_INVALID_ARGUMENT` for an option that makes no sense; the errors of opening the model, the data or the checkpoint
 * to be resumed; `ERR_CHIP_RULES` where the device's chip would not run the programs right; `ERR_BUDGET` where no worker can hold
 * its share of the kernels; `ERR_ARENA_FULL` where a given pool's arena is too small.
 */
export async function createTrainer(given: TrainOptions, extras: TrainerExtras = {}): Promise<Trainer> {
  const startedAt = performance.now();
  await using opened = new DisposeStack();
  const { config: ownConfig, stream: ready, pool: shared } = bag('createTrainer, second argument', extraRules, extras);
  const checked: TrainOptions = checkOptions('createTrainer', trainOptions, given);
  const run = await RunFolder.open(checked);
  opened.adopt(run, (folder) => folder?.close());
  const located = { ...run?.begunWith, ...checked, out: run?.path, resume: run?.resume };
  const begun = await openRun(located, ownConfig, ready);
  const { options, config, before, fill } = begun;
  const { batch, seq: sequence, weights, signal } = options;
  const device = shared?.device ?? resolveDevice(options.device).device;
  const form = await programForm(device);
  const { layers, freeze = [] } = options;
  const kernels = { ...config, batch, sequence };
  const plans = planLayers(config, weights, layers);
  for (const definition of new Set(plans.map((plan) => plan.definition))) checkSizes(definition, kernels);
  checkFrozen(config, freeze);
  const chipWarning = checkChipRules(device, { shape: kernels, weights, plans, form, training: true });
  const { tokenizer, tokenizerFiles, stream, fresh, identifying } = openInputs(begun, ready, opened);

  const shape = { config, batch, sequence, weights, layers, freeze, form, passes: options.accumulate };
  const arenaBytes = arenaBytesFor({ ...shape, training: true }) + (options.checkRange ? RANGE_CHECK_BYTES : 0);
  signal?.throwIfAborted();
  const pool = shared ?? opened.adopt(await openPool(options, arenaBytes), (own) => own.close());
  const scope = opened.adopt(new ArenaScope(pool.arena), (own) => shared && own.free());
  assertFree(pool, arenaBytes);
  const found = await identifying;
  if (before !== undefined && !options.allowChangedData) expectSameInputs(before, found);
  // Files of a model that are gone may come back: the run still knows which they were.
  const inputs = { ...found, model: found.model ?? before?.model ?? null };

  const { precision } = pool;
  const decoder = new Decoder(scope, { ...shape, precision, training: true, hostThreads: options.hostThreads });
  const progress = await fill(decoder.state);
  const windows = progress === undefined ? fresh : new Windows(stream, sequence, progress.windows);
  const done = progress?.counts.step ?? 0;
  if (done > options.steps) throw invalidArgument('steps', `at least the ${done} that the run has done`, options.steps);
  const ranges = options.checkRange ? opened.adopt(new RangeCheck(pool), (check) => check.close()) : null;
  await loadKernels(decoder, pool, { compiler: ranges ?? pool, isShared: shared !== undefined, signal });

  const carried = {
    inputs,
    layers: definitionNames(plans),
    tokenizer: tokenizerFiles === undefined ? {} : await tokenizerSections(tokenizerFiles),
  };
  await run?.expectRoom(options.keep, checkpointBytes(decoder.state, carried), options.steps - done);
  await run?.begin(done, { ...describeOptions(options), inputs });
  const checkpoint = progress === undefined || run === null ? null : await run.checkpointAt(done);
  const close = async () => {
    await owned.disposeAsync();
    ready?.close();
  };
  const state = { progress, run, checkpoint, carried };
  const trainer = new Trainer({
    options,
    tokenizer,
    windows,
    decoder,
    pool,
    ...state,
    chipWarning,
    ranges,
    startedAt,
    close,
  });
  trainer.record('start', describeRun(trainer));
  const owned = opened.move();
  return trainer;
}

/** Tokenizer and data, opened. They are read once to identify them, beside what else is to be done. */
function openInputs(
  { options, config, modelPath, tokenizerSource }: Run,
  ready: TokenStream | undefined,
  opened: DisposeStack,
) {
  const isText = ready === undefined && !isTokenFile(options.data);
  // Only who asks for bytes, now or when the run began, gets any file as bytes.
  if (isText && (tokenizerSource === undefined || options.origins.tokenizer === 'derived')) expectText(options.data);
  const tokenizer =
    isText || tokenizerSource !== undefined ? modelTokenizer(tokenizerSource, options.model, config.vocab) : undefined;
  const tokenizerFiles = typeof tokenizerSource === 'string' ? readTokenizerFiles(tokenizerSource) : tokenizerSource;
  const stream = ready ?? opened.adopt(openData(options.data, { tokenizer }), (data) => data.close());
  const fresh = new Windows(stream, options.seq, options.order, options.seed);
  const source = ready === undefined ? resolve(options.data) : stream.source;
  const { vocab } = config;
  const identifying = identifyInputs({ model: modelPath, stream, source, vocab, tokenizer, tokenizerFiles });
  // The caller waits for it later; what fails before must not find it unhandled.
  identifying.catch(() => {});
  return { tokenizer, tokenizerFiles, stream, fresh, identifying };
}

/** Compiles the kernels. An abort ends a pool of the trainer's own at once; one that was given is left when its compilations are done. */
async function loadKernels(
  decoder: Decoder,
  pool: Pool,
  {
    compiler,
    isShared,
    signal,
  }: { readonly compiler: KernelCompiler; readonly isShared: boolean; readonly signal: AbortSignal | undefined },
): Promise<void> {
  signal?.throwIfAborted();
  const endPool = () => void pool.destroy();
  // Only now, when nothing else writes to its arena.
  if (!isShared) signal?.addEventListener('abort', endPool, { once: true });
  try {
    await decoder.load(compiler);
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', endPool);
  }
  signal?.throwIfAborted();
}

/** A run before anything is opened for it. */
interface Run {
  readonly options: FilledTrainOptions;
  readonly config: ModelConfig;
  /** What the run was given before it was resumed, as far as that is known. */
  readonly before: RunInputs | undefined;
  /** Of the model that it began from; undefined for a preset. */
  readonly modelPath: string | undefined;
  readonly tokenizerSource: string | TokenizerFiles | undefined;
  /** Writes the first parameters (and moments) and tells where a resumed run stands. */
  readonly fill: (state: ModelState) => Promise<TrainingProgress | undefined>;
}

/** Options, model and where the parameters come from: initialized, a model's, or those of the run to be resumed. */
async function openRun(
  given: TrainOptions,
  ownConfig: ModelConfig | undefined,
  stream: TokenStream | undefined,
): Promise<Run> {
  const checked = checkOptions('createTrainer', trainOptions, given);
  const { resume } = checked;
  const defaults = { data: stream?.source };
  if (resume !== undefined) {
    const { config, options: resumed, inputs: before, tokenizer: carried } = await readRun(resume, checked.layers);
    const resolved = resolveTrainOptions(given, { resumed, defaults });
    const read = stream === undefined ? runTokenizer(resumed) : resumed.tokenizer;
    const options = forModel(withDerived(resolved, 'tokenizer', read), config);
    if (before === undefined) process.emitWarning(unidentified(resume));
    expectSameName(checked.model, resumed.model, before);
    const modelPath = checked.model === undefined ? before?.model?.source : (await loadModel(options.model)).path;
    const tokenizerSource = checked.tokenizer ?? carried ?? options.tokenizer;
    return {
      options,
      config,
      before,
      modelPath,
      tokenizerSource,
      fill: (state) => restoreTraining(resume, state, checked.layers),
    };
  }
  const options = resolveTrainOptions(given, { defaults });
  const own: Omit<ModelSource, 'description'> | undefined = ownConfig && { config: validateConfig(ownConfig) };
  const { config, parameters, tokenizer, path: modelPath } = own ?? (await loadModel(options.model));
  if (parameters !== undefined) expectOwnLayers(options, config);
  const fill: Run['fill'] = async (state) => {
    const target = state.parameters.array();
    if (parameters === undefined) await initializeParameters(state.layout, target, options.seed);
    else {
      await parameters(target);
      await checkValues(state, options.model);
    }
    return undefined;
  };
  const tokenizerSource = options.tokenizer ?? tokenizer;
  const name = typeof tokenizer === 'object' ? tokenizer.name : tokenizer;
  return {
    options: forModel(withDerived(options, 'tokenizer', name), config),
    config,
    before: undefined,
    modelPath,
    tokenizerSource,
    fill,
  };
}

/** The files of a model hold parameters of the decoder's own layers alone. */
function expectOwnLayers({ model, layers }: ResolvedTrainOptions, config: ModelConfig): void {
  const names = definitionNames(planLayers(config, 'dynamic', layers));
  if (names === null) return;
  const expected = 'Expected a preset or a shape for layers that defineLayer made';
  throw new MayflyError(
    'ERR_LAYER',
    `${expected}, got the model ${model}, whose files have parameters for the decoder's own layers`,
  );
}

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

/** Fills in what the model says of an option that nobody gave. */
function withDerived<Name extends 'seq' | 'tokenizer'>(
  options: ResolvedTrainOptions,
  name: Name,
  value: ResolvedTrainOptions[Name],
): ResolvedTrainOptions {
  if (value === undefined || options[name] !== undefined) return options;
  return { ...options, [name]: value, origins: { ...options.origins, [name]: 'derived' } };
}

function openPool(options: FilledTrainOptions, arenaBytes: number): Promise<Pool> {
  const { device, workers, standby, threads, precision, retireAfter, signal } = options;
  const budget = { ...options.budget, ...(retireAfter === undefined ? {} : { compilations: retireAfter }) };
  return createPool({ device, workers, standby, threads, precision, arenaBytes, budget, signal });
}

function assertFree({ arena }: Pool, needed: number): void {
  const free = arena.bytes - arena.usedBytes;
  if (free >= needed) return;
  const least = arena.usedBytes + needed;
  throw new MayflyError(
    'ERR_ARENA_FULL',
    `Expected ${needed} free bytes in the pool's arena for this run, got ${free}: raise arenaBytes to at least ${least}`,
  );
}
