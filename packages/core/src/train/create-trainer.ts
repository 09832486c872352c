import { addon, invalidArgument } from '@mayfly/native';
import { SingleGroup } from '../collective/single-group.js';
import { Windows } from '../data/windows.js';
import { Decoder } from '../decoder/decoder.js';
import { definitionNames } from '../decoder/layer-plan.js';
import { loraOf } from '../decoder/lora-options.js';
import { DisposeStack } from '../files/dispose-stack.js';
import { ArenaScope } from '../memory/scope.js';
import { tokenizerSections } from '../model/checkpoint-model.js';
import { checkOptions } from '../option-table.js';
import { Pool } from '../pool/pool.js';
import { type Exclusions, needsCanaries } from '../variants/choose-form.js';
import { openDecoderPool, shareOfProcessors } from '../variants/decoder-pool.js';
import { VariantFallback } from '../variants/variant-fallback.js';
import { agreeOnForm } from './agreed-form.js';
import { fillRanks } from './first-parameters.js';
import { expectMemory, memoryLimit } from './memory-needs.js';
import { openInTurn, vocabularyOf } from './open-inputs.js';
import { locateRun, openRun } from './open-run.js';
import { type FilledTrainOptions, type TrainOptions, trainOptions } from './options.js';
import { needsOf, planRun } from './plan-run.js';
import { RangeCheck } from './range-check.js';
import { expectSameOptions, ranksHere } from './rank-agreement.js';
import { Ranks } from './ranks.js';
import { withEpochs } from './resolve-options.js';
import { describeOptions, describeRun } from './run-description.js';
import { expectSameInputs } from './run-inputs.js';
import { Samples } from './samples.js';
import { Trainer } from './trainer.js';
import { checkpointBytes } from './training-checkpoint.js';
import { Validation } from './validation.js';

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
  const { run, located, resumed } = await locateRun(checked, ranks, opened);
  const begun = await ranks.together(() => openRun(located, resumed));
  const { config, before } = begun;
  let { options } = begun;
  const { seq: sequence, lora, signal } = options;
  await expectSameOptions(ranks, options);
  const neighbours = await ranksHere(ranks);
  // The data decide on the size of a compact vocabulary, and so on everything else.
  const early = options.compactVocabulary ? await openInTurn(begun, ranks, opened) : undefined;
  const vocabulary = early && (await vocabularyOf(begun, early));
  const planWithout = (excluded?: Exclusions) => planRun(begun, checked.pool, vocabulary, ranks, excluded);
  let planned = await ranks.throughout(() => planWithout());
  await agreeOnForm(ranks, planned.plan.choices, async (excluded) => {
    planned = await planWithout(excluded);
    return planned.plan.choices;
  });
  const { plan, plans, place, gradients } = planned;
  const shared = place instanceof Pool ? place : undefined;
  await ranks.together(() => {
    if (shared === undefined) expectMemory(needsOf(plan, options), memoryLimit() / neighbours.ranks);
  });
  const { tokenizer, tokenizerFiles, training, heldOut, fresh, found, windowsPerEpoch } =
    early ?? (await openInTurn(begun, ranks, opened));
  // A resumed run has those that this one found best.
  options = { ...withEpochs(options, windowsPerEpoch, ranks.size), weightGradients: gradients };

  const pool = await ranks.together(async () => {
    signal?.throwIfAborted();
    return opened.adopt(await openDecoderPool(plan, place, neighbours.onProcessors), (own) =>
      own === shared ? undefined : own.close(),
    );
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
      ? Math.max(1, Math.floor(options.hostThreads / neighbours.onProcessors))
      : options.hostThreads;
  if (neighbours.onProcessors > 1) addon.math.setThreads(shareOfProcessors(neighbours.onProcessors));
  const decoder = new Decoder(scope, { ...plan, layersSource, precision, hostThreads, collective });
  const { state } = decoder;
  const progress = await fillRanks({ fill: begun.fill, isResumed: resumed !== null }, state, ranks);
  if (progress !== undefined && ranks.isFirst) warnOfPasses(options, progress.ranks ?? 1, ranks.size);
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
  await ranks.throughout(() => loadKernels(pool, { load, isShared: shared !== undefined, signal }));
  // A device may have refused a program at its real size.
  await agreeOnForm(ranks, (fallback?.plan ?? plan).choices, async (excluded) => {
    await fallback?.exclude({ ...plan.excluded, ...excluded });
    return (fallback?.plan ?? plan).choices;
  });

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
  const sampleEvery = await ranks.fromFirst(() => (options.sample === undefined ? null : options.sampleEvery));
  const parts = { measured, progress, run, ...folder, carried, validation, samples, sampleEvery };
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

/** A step has the passes of all ranks: others than before make other steps of the same run. */
function warnOfPasses({ accumulate, origins }: FilledTrainOptions, before: number, now: number): void {
  if (before === now || origins.accumulate === 'given') return;
  const kept = (accumulate * before) / now;
  const remedy = Number.isInteger(kept) ? `: accumulate ${kept} keeps as many` : '';
  process.emitWarning(
    `A step of this run had ${accumulate * before} passes, on ${counted(before)}, and has ${accumulate * now} from now on, on ${counted(now)}${remedy}`,
  );
}

const counted = (ranks: number): string => (ranks === 1 ? 'one process' : `${ranks} ranks`);
