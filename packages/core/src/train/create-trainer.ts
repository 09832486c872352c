import { invalidArgument, MayflyError } from '@mayfly/native';
import { bag, object } from '../check.js';
import { checkTokens } from '../data/check-tokens.js';
import { openData } from '../data/open-data.js';
import { runTokenizer } from '../data/run-tokenizer.js';
import { expectText } from '../data/text-files.js';
import { isTokenFile } from '../data/token-file.js';
import type { TokenStream } from '../data/token-stream.js';
import type { Tokenizer } from '../data/tokenizer.js';
import { Windows } from '../data/windows.js';
import { ArenaScope } from '../memory/arena-scope.js';
import type { ModelConfig } from '../model/config.js';
import { initializeParameters } from '../model/initialize.js';
import { loadModel, type ModelSource } from '../model/load-model.js';
import { validateConfig } from '../model/validate-config.js';
import { checkOptions } from '../option-table.js';
import { createPool, type Pool } from '../pool/pool.js';
import { resolveDevice } from '../pool/pool-options.js';
import { checkChipRules } from './chip-rules.js';
import { arenaBytesFor, Decoder } from './decoder.js';
import { checkValues } from './finite.js';
import { HostThreads } from './host-threads.js';
import type { ModelState } from './model-state.js';
import { modelTokenizer } from './model-tokenizer.js';
import {
  type FilledTrainOptions,
  type ResolvedTrainOptions,
  resolveTrainOptions,
  type TrainOptions,
  trainOptions,
} from './options.js';
import { programForm } from './program-form.js';
import { describeOptions, describeRun } from './run-description.js';
import { RunFolder } from './run-folder.js';
import { Trainer } from './trainer.js';
import { checkpointBytes, readTrainingOptions, restoreTraining, type TrainingProgress } from './training-checkpoint.js';

/** What a program that embeds Mayfly may give beside the options. */
export interface TrainerExtras {
  /** A shape to train from scratch, instead of loading `model`, which then is only its name. */
  readonly config?: ModelConfig | undefined;
  /** Tokens already at hand, instead of opening `data`. The trainer closes them at its end. */
  readonly stream?: TokenStream | undefined;
  /** A pool to train on, which stays open; options about devices and workers then mean nothing. */
  readonly pool?: Pool | undefined;
}

const extraRules = { config: object<ModelConfig>(), stream: object<TokenStream>(), pool: object<Pool>() };

/** Writes a run's first parameters (and moments) and tells where a resumed run stands. */
type Fill = (state: ModelState) => Promise<TrainingProgress | undefined>;

/**
 * Opens model and data, starts a pool whose arena is as large as the run needs, compiles the kernels. The trainer is the
 * caller's to close.
 *
 * @throws `ERR_INVALID_ARGUMENT` for an option that makes no sense; what opening the model, the data or the checkpoint to be
 * resumed throws; `ERR_CHIP_RULES` where the device's chip would not run the programs right; `ERR_BUDGET` where no worker can hold its share of the kernels; `ERR_ARENA_FULL` where a given pool's arena
 * is too small.
 */
export async function createTrainer(given: TrainOptions, extras: TrainerExtras = {}): Promise<Trainer> {
  const startedAt = performance.now();
  const checkedExtras = bag('createTrainer, second argument', extraRules, extras);
  const checked: TrainOptions = checkOptions('createTrainer', trainOptions, given);
  const run = await RunFolder.open(checked);
  try {
    const located = { ...run?.begunWith, ...checked, out: run?.path, resume: run?.resume };
    const trainer = await openTrainer(located, checkedExtras, run, startedAt);
    trainer.record('start', describeRun(trainer));
    return trainer;
  } catch (error) {
    run?.close();
    throw error;
  }
}

async function openTrainer(
  given: TrainOptions,
  extras: TrainerExtras,
  run: RunFolder | null,
  startedAt: number,
): Promise<Trainer> {
  const { options, config, fill } = await openRun(given, extras);
  const sequence = options.seq;
  const device = extras.pool?.device ?? resolveDevice(options.device).device;
  const form = await programForm(device);
  const kernels = { ...config, batch: options.batch, sequence };
  const chipWarning = checkChipRules(device, { shape: kernels, weights: options.weights, form, training: true });
  const { stream, tokenizer } = openTokens(options, config, extras.stream);
  const fresh = new Windows(stream, sequence, options.order, options.seed);

  const shape = { config, batch: options.batch, sequence, weights: options.weights, form, passes: options.accumulate };
  const arenaBytes = arenaBytesFor({ ...shape, training: true });
  const { signal } = options;
  signal?.throwIfAborted();
  const pool = extras.pool ?? (await openPool(options, arenaBytes));
  const endPool = () => void pool.destroy();
  const hostThreads = new HostThreads(pool.arena.native, options.hostThreads);
  const scope = new ArenaScope(pool.arena);
  const close = async () => {
    await hostThreads.close();
    if (extras.pool === undefined) await pool.close();
    else scope.free();
    stream.close();
    run?.close();
  };
  try {
    assertFree(pool, arenaBytes);
    const decoder = new Decoder(scope, { ...shape, precision: pool.precision, products: hostThreads });
    const progress = await fill(decoder.state);
    const windows = progress === undefined ? fresh : new Windows(stream, sequence, progress.windows);
    const done = progress?.counts.step ?? 0;
    if (done > options.steps)
      throw invalidArgument('steps', `at least the ${done} that the run has done`, options.steps);
    signal?.throwIfAborted();
    // Only now, when nothing else writes to its arena. A pool that was given is left when its compilations are done.
    if (extras.pool === undefined) signal?.addEventListener('abort', endPool, { once: true });
    await decoder.load(pool);
    signal?.throwIfAborted();
    await run?.expectRoom(options.keep, checkpointBytes(decoder.state));
    await run?.begin(done, describeOptions(options));
    const checkpoint = progress === undefined || run === null ? null : await run.checkpointAt(done);
    const state = { progress, run, checkpoint };
    return new Trainer({ options, tokenizer, windows, decoder, pool, ...state, chipWarning, startedAt, close });
  } catch (error) {
    await close();
    throw signal?.aborted ? signal.reason : error;
  } finally {
    signal?.removeEventListener('abort', endPool);
  }
}

/** Options, model and where the parameters come from: initialized, a model's, or those of the run to be resumed. */
async function openRun(
  given: TrainOptions,
  { config: ownConfig, stream }: TrainerExtras,
): Promise<{ options: FilledTrainOptions; config: ModelConfig; fill: Fill }> {
  const { resume } = given;
  const defaults = { data: stream?.source };
  if (resume !== undefined) {
    const { config, options } = await readTrainingOptions(resume);
    const resolved = resolveTrainOptions(given, { resumed: options, defaults });
    const tokenizer = stream === undefined ? runTokenizer(options) : options.tokenizer;
    const filled = forModel(withDerived(resolved, 'tokenizer', tokenizer), config);
    return { options: filled, config, fill: (state) => restoreTraining(resume, state) };
  }
  const options = resolveTrainOptions(given, { defaults });
  const own: Omit<ModelSource, 'description'> | undefined = ownConfig && { config: validateConfig(ownConfig) };
  const { config, parameters, tokenizer } = own ?? (await loadModel(options.model));
  const fill: Fill = async (state) => {
    const target = state.parameters.array();
    if (parameters === undefined) initializeParameters(state.layout, target, options.seed);
    else {
      await parameters(target);
      checkValues(state, options.model);
    }
    return undefined;
  };
  return { options: forModel(withDerived(options, 'tokenizer', tokenizer), config), config, fill };
}

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

function openTokens(
  options: FilledTrainOptions,
  config: ModelConfig,
  ready: TokenStream | undefined,
): { stream: TokenStream; tokenizer: Tokenizer | undefined } {
  const { tokenizer: name, model, data, origins } = options;
  const isText = ready === undefined && !isTokenFile(data);
  // Only who asks for bytes, now or when the run began, gets any file as bytes.
  if (isText && (name === undefined || origins.tokenizer === 'derived')) expectText(data);
  const tokenizer = isText || name !== undefined ? modelTokenizer(name, model, config.vocab) : undefined;
  const stream = ready ?? openData(data, { tokenizer });
  checkTokens(stream, config.vocab, tokenizer);
  return { stream, tokenizer };
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
