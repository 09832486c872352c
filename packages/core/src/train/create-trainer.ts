import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { addon, invalidArgument, MayflyError } from '@mayfly/native';
import { SingleGroup } from '../collective/single-group.js';
import { isTokenData } from '../data/data-files.js';
import { openData } from '../data/open-data.js';
import { runTokenizer } from '../data/open-tokenizer.js';
import { expectText } from '../data/text-files.js';
import { expectDocuments, type TokenStream } from '../data/token-stream.js';
import { readTokenizerFiles, type TokenizerFiles } from '../data/tokenizer-files.js';
import { countShuffled, countWindows, Windows } from '../data/windows.js';
import { Decoder } from '../decoder/decoder.js';
import { checkDocumentMasks } from '../decoder/document-masks.js';
import { checkValues } from '../decoder/finite.js';
import { checkFrozen, definitionNames, planLayers } from '../decoder/layer-plan.js';
import { frozenByAdapters, loraOf } from '../decoder/lora-options.js';
import type { ModelState } from '../decoder/model-state.js';
import { DisposeStack } from '../files/dispose-stack.js';
import { openDataOptions } from '../inference/data-options.js';
import { modelTokenizer } from '../inference/model-tokenizer.js';
import { ArenaScope } from '../memory/scope.js';
import { tokenizerSections } from '../model/checkpoint-model.js';
import { CompactVocabulary } from '../model/compact-vocabulary.js';
import { type ModelConfig, validateConfig } from '../model/config.js';
import { initializeAdapters, initializeParameters } from '../model/initialize.js';
import { loadModel, type ModelSource } from '../model/load-model.js';
import { isPreset } from '../model/presets.js';
import { checkOptions } from '../option-table.js';
import { Pool } from '../pool/pool.js';
import { checkSizes } from '../programs/define-layer.js';
import { needsCanaries } from '../variants/choose-form.js';
import { openDecoderPool, type PlannedDecoder, planDecoder } from '../variants/decoder-pool.js';
import { VariantFallback } from '../variants/variant-fallback.js';
import { expectMemory, type MemoryNeeds, memoryLimit, memoryNeeds } from './memory-needs.js';
import { MomentTransfer } from './moment-transfer.js';
import {
  type FilledTrainOptions,
  type NamedConfig,
  plainTrainOptions,
  type ResolvedTrainOptions,
  resolveTrainOptions,
  type TrainOptions,
  trainOptions,
  withEpochs,
} from './options.js';
import { RANGE_CHECK_BYTES, RangeCheck } from './range-check.js';
import { expectSameInputsOnRanks, expectSameOptions, ranksHere } from './rank-agreement.js';
import { Ranks } from './ranks.js';
import { describeOptions, describeRun } from './run-description.js';
import { RunFolder } from './run-folder.js';
import { expectSameInputs, identifyInputs, type RunInputs } from './run-inputs.js';
import { noTokensSeen, runVocabulary } from './run-vocabulary.js';
import { Samples } from './samples.js';
import { Trainer } from './trainer.js';
import { checkpointBytes, type ResumedRun, readRun, restoreTraining } from './training-checkpoint.js';
import type { TrainingProgress } from './training-header.js';
import { Validation } from './validation.js';
import { openValidation } from './validation-data.js';

/** Reading much data, and compiling many kernels, takes as long as it takes. */
const LONG = { timeoutMs: Number.POSITIVE_INFINITY } as const;

/**
 * Opens model and data, starts a pool with an arena of the size that the run needs, and compiles the kernels. The caller closes the
 * trainer.
 *
 * With a `collective` every rank calls it. Where it fails on one, it fails on all.
 *
 * @throws `ERR_INVALID_ARGUMENT` for an option that makes no sense; the errors of opening the model, the data or the checkpoint
 * to be resumed; `ERR_CHIP_RULES` where the device's chip would not run the programs right; `ERR_BUDGET` where no worker can hold
 * its share of the kernels; `ERR_MEMORY` where the run needs more memory than there is; `ERR_ARENA_FULL` where a given pool's arena is too small;
 * `ERR_RANKS_DIFFER` where ranks have other options, or other data; `ERR_COLLECTIVE` where another rank does not answer.
 */
export async function createTrainer(given: TrainOptions): Promise<Trainer> {
  const startedAt = performance.now();
  const checked: TrainOptions = checkOptions('createTrainer', trainOptions, given);
  const ranks = new Ranks(checked.collective ?? new SingleGroup());
  try {
    return await makeTrainer(checked, ranks, startedAt);
  } catch (error) {
    ranks.giveUp(error);
    throw error;
  }
}

async function makeTrainer(checked: TrainOptions, ranks: Ranks, startedAt: number): Promise<Trainer> {
  await using opened = new DisposeStack();
  const { run, located, resumed } = await locate(checked, ranks, opened);
  const begun = await ranks.together(() => openRun(located, resumed));
  const { config, before } = begun;
  let { options } = begun;
  const { seq: sequence, lora, signal } = options;
  await expectSameOptions(ranks, options);
  const sharing = await ranksHere(ranks);
  // The data decide on the size of a compact vocabulary, and so on everything else.
  const early = options.compactVocabulary ? await openInTurn(begun, ranks, opened) : undefined;
  const vocabulary = early && (await vocabularyOf(begun, early));
  const { plan, plans, place } = await ranks.together(() => planRun(begun, checked.pool, vocabulary, ranks), LONG);
  const shared = place instanceof Pool ? place : undefined;
  await ranks.together(() => {
    if (shared === undefined) expectMemory(needsOf(plan, options), memoryLimit() / sharing);
  });
  const { tokenizer, tokenizerFiles, training, heldOut, fresh, found, windowsPerEpoch } =
    early ?? (await openInTurn(begun, ranks, opened));
  options = withEpochs(options, windowsPerEpoch, ranks.size);

  const pool = await ranks.together(async () => {
    signal?.throwIfAborted();
    return opened.adopt(await openDecoderPool(plan, place), (own) => (own === shared ? undefined : own.close()));
  });
  const scope = opened.adopt(new ArenaScope(pool.arena), (own) => shared && own.free());
  const now = await found();
  if (before !== undefined && !options.allowChangedData) expectSameInputs(before, now);
  // Keeps the identity of model files that are missing now: they may exist again at a later resume.
  const inputs = { ...now, model: now.model ?? before?.model ?? null };

  const { precision } = pool;
  const layersSource = opened.adopt(new ArenaScope(pool.arena), (own) => shared && own.free());
  const { collective } = ranks;
  const hostThreads =
    options.origins.hostThreads === 'derived'
      ? Math.max(1, Math.floor(options.hostThreads / sharing))
      : options.hostThreads;
  const decoder = new Decoder(scope, { ...plan, layersSource, precision, hostThreads, collective });
  const { state } = decoder;
  const progress = await fillRanks(begun, state, ranks);
  const windows = progress === undefined ? fresh : new Windows(training, sequence, progress.windows, 0, options.epochs);
  const done = progress?.counts.step ?? 0;
  if (done > options.steps) throw invalidArgument('steps', `at least the ${done} that the run has done`, options.steps);
  const validation = heldOut && new Validation(decoder, ranks, heldOut, tokenizer, options, progress?.validation);
  const samples =
    options.sample === undefined ? undefined : new Samples(decoder, tokenizer, { ...options, sample: options.sample });
  const ranges = options.checkRange ? opened.adopt(new RangeCheck(pool), (check) => check.close()) : null;
  const compiler = ranges ?? pool;
  const fallback = needsCanaries(pool.device)
    ? new VariantFallback(decoder, plan, place, { pool, compiler, layersSource })
    : null;
  const load = () => fallback?.load() ?? decoder.load(compiler);
  await ranks.together(() => loadKernels(pool, { load, isShared: shared !== undefined, signal }), LONG);

  const carried = {
    inputs,
    layers: definitionNames(plans, { ...config, documentMask: options.documentMask }),
    adapters: lora && loraOf(plans[0]!.definition.base!, lora),
    tokenizer: tokenizerFiles === undefined ? {} : await tokenizerSections(tokenizerFiles),
  };
  const { best } = progress?.validation ?? {};
  const folder = await ranks.fromFirst(async () => {
    if (run === null) return { saves: false, checkpoint: null, bestCheckpoint: null };
    // The best checkpoint, its successor, and the best before the last checkpoint.
    const keep = options.keep + (validation === undefined ? 0 : 3);
    await run.expectRoom(keep, checkpointBytes(decoder.state, carried), options.steps - done);
    const { model } = checked;
    const described = describeOptions(typeof model === 'object' ? { ...options, model } : options);
    await run.begin(done, { ...described, inputs, ...(carried.layers && { layers: carried.layers }) });
    const checkpoint = progress === undefined ? null : await run.checkpointAt(done);
    return { saves: true, checkpoint, bestCheckpoint: best ? await run.bestAt(best.step) : null };
  });
  const { chipWarning, formNotes, workersNote, documentMaskBytes } = plan;
  const close = () => owned.disposeAsync();
  const measured = { stream: heldOut ?? training, on: heldOut ? 'validation' : 'data' } as const;
  const parts = { measured, progress, run, ...folder, carried, validation, samples };
  const trainer = new Trainer({
    options,
    tokenizer,
    windows,
    decoder,
    pool,
    ranks,
    ...parts,
    chipWarning,
    form: fallback?.plan.form ?? plan.form,
    formNotes,
    workersNote,
    documentMaskBytes,
    fallback,
    ranges,
    startedAt,
    close,
  });
  trainer.record('start', describeRun(trainer));
  const owned = opened.move();
  return trainer;
}

/**
 * Determines the memory that a run needs, before anything is started for it.
 *
 * @throws As `createTrainer`, for options, model and checkpoint.
 */
export async function trainingMemory(given: TrainOptions): Promise<MemoryNeeds> {
  const checked: TrainOptions = checkOptions('createTrainer', trainOptions, given);
  const begun = await openRun(checked, await resumedRun(checked));
  await using opened = new DisposeStack();
  const vocabulary = begun.options.compactVocabulary
    ? await vocabularyOf(begun, await openInTurn(begun, new Ranks(new SingleGroup()), opened))
    : undefined;
  const { plan } = await planRun(begun, checked.pool, vocabulary);
  return needsOf(plan, begun.options);
}

const needsOf = (plan: PlannedDecoder, { pool: { standby = 1 } }: FilledTrainOptions): MemoryNeeds =>
  memoryNeeds(plan, (plan.workers ?? 1) + standby);

/** What a run's decoder requires, and where it will run. */
async function planRun(
  { options, config: whole }: Run,
  given: TrainOptions['pool'],
  vocabulary: CompactVocabulary | undefined,
  { rank, size }: Pick<Ranks, 'rank' | 'size'> = { rank: 0, size: 1 },
) {
  const config = vocabulary?.configOf(whole) ?? whole;
  const { batch, seq: sequence, weights, layers, lora, accumulate: passes, signal, variant, onProgress } = options;
  const { seed, recompute, documentMask, inFlight } = options;
  const freeze = lora === undefined ? (options.freeze ?? []) : frozenByAdapters(config, options.freeze ?? []);
  const plans = planLayers({ ...config, documentMask }, weights, layers, lora);
  if (documentMask) checkDocumentMasks(plans);
  for (const definition of new Set(plans.map((each) => each.definition))) {
    checkSizes(definition, { ...config, batch, sequence });
  }
  checkFrozen(config, freeze);
  const place = given instanceof Pool ? given : { ...options.pool, signal: options.pool.signal ?? signal };
  const rules = { optimizer: options.optimizer, groups: options.groups, weightDecay: options.weightDecay };
  if (recompute && plans.some((each) => each.weights === 'static')) {
    throw invalidArgument(
      'recompute',
      'left out with static weights, whose outputs are the residual stream',
      recompute,
    );
  }
  const shape = {
    config,
    vocabulary,
    classifier: options.classifier,
    batch,
    sequence,
    weights,
    layers,
    lora,
    documentMask,
    seed,
    freeze,
    rules,
    recompute,
    passes,
    inFlight,
    variant,
    onProgress,
    ...(options.shardOptimizer && size > 1 && { shards: { rank, size } }),
  };
  const extraBytes = options.checkRange ? RANGE_CHECK_BYTES : 0;
  const plan = await planDecoder({ ...shape, training: true, extraBytes }, place);
  return { plan, plans, place };
}

/** The compact vocabulary of a run, once its data were read. */
async function vocabularyOf(run: Run, inputs: Awaited<ReturnType<typeof openInTurn>>): Promise<CompactVocabulary> {
  await inputs.found();
  return runVocabulary({ ...inputs, sample: run.options.sample }, run.vocabulary);
}

/**
 * The inputs of all ranks, opened. The first rank tokenizes first, so that those that share its cache folder find its tokens there. `found`
 * identifies the inputs, which are the same on all ranks then.
 */
async function openInTurn(begun: Run, ranks: Ranks, opened: DisposeStack) {
  const first = await ranks.together(() => (ranks.isFirst ? openInputs(begun, opened) : null), LONG);
  const { identifying, ...inputs } = await ranks.together(() => first ?? openInputs(begun, opened), LONG);
  let found: Promise<RunInputs> | null = null;
  const identify = async () => {
    const own = await ranks.together(() => identifying, LONG);
    await expectSameInputsOnRanks(ranks, own);
    return own;
  };
  return {
    ...inputs,
    found: () => {
      found ??= identify();
      return found;
    },
  };
}

/** Tokenizer and data, opened. They are read once to identify them, beside what else is to be done. */
async function openInputs(
  { options, config, modelPath, tokenizerSource, stream: ready, given }: Run,
  opened: DisposeStack,
) {
  const isText = ready === undefined && !isTokenData(options.data, options.dataFormat);
  // A file that is not text is read as bytes only if the options request it, now or when the run began.
  if (isText && (tokenizerSource === undefined || options.origins.tokenizer === 'derived'))
    expectText(options.data, options.dataFormat);
  const tokenizer =
    isText || tokenizerSource !== undefined ? modelTokenizer(tokenizerSource, options.model, config.vocab) : undefined;
  const tokenizerFiles = typeof tokenizerSource === 'string' ? readTokenizerFiles(tokenizerSource) : tokenizerSource;
  const { signal } = options;
  const reading = { ...openDataOptions(options), tokenizer, signal };
  const stream = ready ?? opened.adopt(await openData(options.data, reading), (data) => data.close());
  if (options.documentMask) expectDocuments(stream);
  const readsBytes = options.origins.tokenizer !== 'derived';
  const { training, validation: heldOut } = await openValidation(
    stream,
    options.seq,
    given.validation ?? options.validation,
    { reading, readsBytes, opened },
  );
  const fresh = new Windows(training, options.seq, options.order, options.seed, options.epochs);
  const windowsPerEpoch = (options.order === 'shuffled' ? countShuffled : countWindows)(training, options.seq);
  const source = ready === undefined ? resolve(options.data) : stream.source;
  const { vocab } = config;
  const isApart = heldOut !== undefined && typeof options.validation === 'string';
  const validation = isApart
    ? {
        stream: heldOut,
        source: typeof given.validation === 'object' ? heldOut.source : resolve(`${options.validation}`),
      }
    : undefined;
  const seen = noTokensSeen(options.compactVocabulary ? vocab : 0);
  const identifying = identifyInputs({
    ...(options.compactVocabulary && { seen }),
    model: modelPath,
    stream,
    source,
    validation,
    vocab,
    tokenizer,
    tokenizerFiles,
  });
  // The caller awaits this promise later; an earlier failure must not leave its rejection unhandled.
  identifying.catch(() => {});
  return { tokenizer, tokenizerFiles, training, heldOut, fresh, identifying, windowsPerEpoch, seen };
}

/** Compiles the kernels. An abort ends a pool of the trainer's own at once; one that was given is left when its compilations are done. */
async function loadKernels(
  pool: Pool,
  {
    load,
    isShared,
    signal,
  }: { readonly load: () => Promise<void>; readonly isShared: boolean; readonly signal: AbortSignal | undefined },
): Promise<void> {
  signal?.throwIfAborted();
  const endPool = () => void pool.destroy();
  // Only now, when nothing else writes to its arena.
  if (!isShared) signal?.addEventListener('abort', endPool, { once: true });
  try {
    await load();
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
  /** Writes the first parameters (and moments) and returns the progress of a resumed run. */
  readonly fill: (state: ModelState, transfer: MomentTransfer | null) => Promise<TrainingProgress | undefined>;
}

/** The run's folder, on the first rank; the options, completed from it; and the run that is resumed. */
async function locate(checked: TrainOptions, ranks: Ranks, opened: DisposeStack) {
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
const resumedRun = async ({ resume, layers }: TrainOptions): Promise<ResumedRun | null> =>
  resume === undefined ? null : await readRun(resume, layers);

/** Options, model and where the parameters come from: initialized, a model's, or those of the run to be resumed. */
async function openRun(given: TrainOptions, run: ResumedRun | null): Promise<Run> {
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
    const fill: Run['fill'] = async (state, transfer) => {
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
  const fill: Run['fill'] = async (state) => {
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

/** Fills the memory of all ranks from the first, and gives all of them the progress of a resumed run. */
async function fillRanks(run: Run, state: ModelState, ranks: Ranks): Promise<TrainingProgress | undefined> {
  const { parameters, firstMoments, secondMoments, shards } = state;
  const transfer = shards && new MomentTransfer(ranks, state);
  const isResumed = run.given.resume !== undefined;
  const progress = await ranks.together(async () => {
    if (!ranks.isFirst) {
      await zeroMoments(state);
      if (isResumed) await transfer?.take();
      return undefined;
    }
    try {
      return await run.fill(state, transfer);
    } finally {
      if (isResumed) await transfer?.finishScatter();
    }
  }, LONG);
  await ranks.broadcast(transfer === null ? [parameters, firstMoments, secondMoments] : [parameters]);
  return await ranks.fromFirst(() => progress);
}

/** In the arena of a pool that is given, another run may have left its own. */
async function zeroMoments({ firstMoments, secondMoments }: ModelState): Promise<void> {
  for (const { arena, offset, bytes } of [firstMoments, secondMoments])
    await addon.mathQueue.zero(arena, offset, bytes);
}

/** Writes a model's parameters, or drawn ones where it has none, and those that adapters begin with. */
async function fillParameters(
  state: ModelState,
  parameters: ModelSource['parameters'],
  { seed, model }: ResolvedTrainOptions,
): Promise<void> {
  const target = state.parameters.array();
  const { compact } = state;
  const { layout } = compact ?? state;
  const write = async (whole: Float32Array) => {
    if (parameters === undefined) await initializeParameters(layout, whole, seed);
    else await parameters(whole.subarray(0, layout.baseCount));
  };
  await (compact === null ? write(target) : compact.fill(write));
  initializeAdapters(state.layout, target, seed);
  await zeroMoments(state);
  if (parameters !== undefined) await checkValues(state, model);
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
