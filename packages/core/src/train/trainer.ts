import { addon, invalidArgument, MayflyError } from '@mayfly/native';
import type { TokenStream } from '../data/token-stream.js';
import type { Tokenizer } from '../data/tokenizer.js';
import type { Windows } from '../data/windows.js';
import { type Activity, publishActivities } from '../decoder/activities.js';
import type { Decoder } from '../decoder/decoder.js';
import { allFinite, explainOverflow } from '../decoder/finite.js';
import type { GradientHistogram } from '../decoder/gradient-histograms.js';
import type { Tap } from '../decoder/tap.js';
import { wholeWindows } from '../decoder/text-model.js';
import { DeferredEmitter } from '../deferred-emitter.js';
import { generateTokens, type TokenGeneratorOptions } from '../inference/token-generator.js';
import { type WindowLoss, windowLoss } from '../inference/window-loss.js';
import type { PowerState } from '../machine/power-state.js';
import { PowerWatch } from '../machine/power-watch.js';
import { readAdapter } from '../model/adapter-source.js';
import { areAlike } from '../model/adapters.js';
import type { ModelConfig } from '../model/config.js';
import type { Pool } from '../pool/pool.js';
import type { PoolEvents } from '../pool/types.js';
import type { ProgramForm } from '../programs/form.js';
import { type RunRecord, runRecord } from '../run/run-records.js';
import { traced } from '../tracing.js';
import type { VariantFallback } from '../variants/variant-fallback.js';
import { evaluationChannel, publishEnergy, sampleChannel, stepChannel } from './channels.js';
import { SequenceDigest, tensorDigest, tensorDigestInPieces } from './digest.js';
import { Divergence } from './divergence.js';
import { Ending } from './ending.js';
import { type EnergyUse, EnergyWatch } from './energy-watch.js';
import { ExchangeMeter } from './exchange-meter.js';
import { LossScaler } from './loss-scaler.js';
import type { FilledTrainOptions } from './options.js';
import type { RangeCheck } from './range-check.js';
import { asShared, type Ranks } from './ranks.js';
import { resumeCommand } from './resume-command.js';
import { type CheckpointPlace, RunCheckpoints, type WrittenCheckpoint } from './run-checkpoints.js';
import { RunStats } from './run-stats.js';
import { isSampleDue, type Sample, type Samples } from './samples.js';
import { type StepRecord, type StepVote, TrainStep } from './train-step.js';
import { type EndReason, summarize, type TrainSummary } from './train-summary.js';
import type { TrainingProgress } from './training-header.js';
import type { Evaluation, Validation } from './validation.js';
import { type WholeVocabularyLoss, wholeVocabularyLoss } from './whole-vocabulary-loss.js';

/** Events of a trainer. Events of its pool are emitted by the pool: `trainer.pool.on('workerRetire', …)`. */
export interface TrainerEvents {
  /** A step was done. */
  step: [record: StepRecord];
  /** The loss on the validation data was measured. `checkpoint` is the folder of the best model, where it was written. */
  evaluation: [event: Evaluation & { readonly checkpoint: string | null }];
  /** The model continued the option `sample`. */
  sample: [sample: Sample];
  /** At the end of a run with `compactVocabulary`: its loss over all token ids was measured. */
  wholeVocabulary: [loss: WholeVocabularyLoss];
  /** A checkpoint was written. */
  checkpoint: [event: WrittenCheckpoint];
  /** On a Mac: its low-power mode, thermal pressure and source of power, at the start of training and when they change. */
  power: [state: PowerState];
  /** On a Mac with device ane: its energy and memory traffic over the last steps, once a second at most. */
  energy: [use: EnergyUse];
  /** Each line of the run's log, also where no log is written. */
  record: [record: RunRecord];
}

/** Events of a pool that a run's log contains. */
const logged = [
  'workerStart',
  'workerReady',
  'workerServe',
  'workerRetire',
  'workerDrain',
  'workerExit',
  'kernelMove',
  'kernelQuarantine',
  'budgetLower',
] as const satisfies (keyof PoolEvents)[];

/** The parts from which `createTrainer` builds a trainer. */
export interface TrainerParts extends CheckpointPlace {
  readonly options: FilledTrainOptions;
  readonly tokenizer: Tokenizer | undefined;
  readonly windows: Windows;
  readonly decoder: Decoder;
  readonly pool: Pool;
  readonly ranks: Ranks;
  readonly progress: TrainingProgress | undefined;
  readonly chipWarning: string | null;
  /** How the programs are written, and why not in the first form. */
  readonly form: ProgramForm;
  readonly formNotes: readonly string[];
  readonly workersNote: string | null;
  readonly documentMaskBytes: number | null;
  /** Null on devices that refuse nothing. */
  readonly fallback: VariantFallback | null;
  readonly ranges: RangeCheck | null;
  readonly validation: Validation | undefined;
  /** Where the loss over the whole vocabulary is measured at the end of a run with a compact one. */
  readonly measured: { readonly stream: TokenStream; readonly on: 'validation' | 'data' };
  readonly samples: Samples | undefined;
  /** After how many steps the model writes on the first rank; null where it does not. */
  readonly sampleEvery: number | null;
  /** `performance.now()` when `createTrainer` began, before the pool and the first compilations. */
  readonly startedAt: number;
  /** Releases the run's resources. Called after the last computation. */
  readonly close: () => Promise<void>;
}

/** Trains a model on a pool, step by step. Created by `createTrainer`. */
export class Trainer extends DeferredEmitter<TrainerEvents> implements AsyncDisposable {
  readonly options: FilledTrainOptions;
  readonly config: ModelConfig;
  readonly pool: Pool;
  readonly tokenizer: Tokenizer | undefined;
  /** Warnings of the device's chip about the programs, in one line; null if there are none. */
  readonly chipWarning: string | null;
  /** Why the programs are not written in the first variants: a line for each half or axis. */
  readonly formNotes: readonly string[];
  /** Why its pool has several workers, in one line; null for one, and where they were asked for. */
  readonly workersNote: string | null;
  /** Memory that document masks take; null without them. */
  readonly documentMaskBytes: number | null;
  readonly #parts: TrainerParts;
  readonly #scaler: LossScaler;
  readonly #step: TrainStep;
  readonly #losses: SequenceDigest;
  readonly #firstStep: number;
  /** Listeners of the pool that write the run's log. */
  readonly #recorders: readonly (readonly [keyof PoolEvents, (payload: object) => void])[];
  readonly #divergence: Divergence;
  readonly #stats: RunStats;
  readonly #exchange: ExchangeMeter;
  readonly #checkpoints: RunCheckpoints;
  #energy: EnergyWatch | null = null;
  #lastLoss: number | null;
  /** Hash of the parameters after this number of updates, at the end of a run. */
  #digest: { readonly updates: number; readonly value: string } | null = null;
  #wholeVocabulary: WholeVocabularyLoss | null = null;
  #isTraining = false;
  #isDone = false;
  #reason: EndReason = 'running';
  #closing: Promise<void> | null = null;

  /** @internal */
  constructor(parts: TrainerParts) {
    super('trainer', {});
    const { options, decoder, windows, pool, progress } = parts;
    this.#parts = parts;
    this.options = options;
    this.config = decoder.state.wholeConfig;
    this.pool = pool;
    this.tokenizer = parts.tokenizer;
    this.chipWarning = parts.chipWarning;
    this.formNotes = parts.formNotes;
    this.workersNote = parts.workersNote;
    this.documentMaskBytes = parts.documentMaskBytes;
    this.#scaler = new LossScaler(options.lossScale, progress?.lossScaler);
    this.#step = new TrainStep(decoder, windows, this.#scaler, options, parts.ranks, progress?.counts);
    this.#exchange = new ExchangeMeter(parts.ranks.collective, decoder.exchange);
    this.#divergence = new Divergence(options.maxSkips);
    this.#stats = new RunStats(
      pool,
      (fields) => this.record('stats', fields),
      () => this.#exchange.summary(this.#stepsRun),
    );
    this.#losses = new SequenceDigest(progress?.lossDigest);
    this.#lastLoss = progress?.lastLoss ?? null;
    this.#firstStep = this.#step.counts.step;
    this.#checkpoints = new RunCheckpoints(parts, {
      options,
      state: decoder.state,
      ranks: parts.ranks,
      divergence: this.#divergence,
      exchange: this.#exchange,
      progress: () => this.#progress(),
      settle: () => this.#step.settle(),
      message: () => this.#message(),
      onSave: (event) => {
        this.record('checkpoint', event);
        this.emit('checkpoint', event);
      },
      onFail: (event) => this.record('checkpointFail', event),
    });
    this.#recorders = logged.map((event) => [event, (payload: object) => this.record(event, payload)] as const);
    for (const [event, listener] of this.#recorders) pool.on(event, listener as never);
  }

  /** Steps done since the beginning of the run, before a resume too. */
  get step(): number {
    return this.#step.counts.step;
  }

  /** The name of the run, which its folder and checkpoints have; null where it has no folder. */
  get run(): string | null {
    return this.#parts.run?.run ?? null;
  }

  /** Number of processes that train together. */
  get ranks(): number {
    return this.#parts.ranks.size;
  }

  /** Milliseconds that the main process spent waiting and computing since the trainer was created, by activity. */
  get activityMs(): Readonly<Record<Activity, number>> {
    return this.#parts.decoder.stopwatch.milliseconds;
  }

  /**
   * Trains to the last step, until the evaluations have used up the option `patience`, or until `signal` is aborted: then the step under
   * way is finished. Writes a checkpoint at the end in each case, if the run has a folder. One such call at a time, or one loop over `steps`.
   * With several ranks all of them call it; the signal of one ends the run on all, after the same step.
   *
   * @throws `ERR_COLLECTIVE` where another rank cannot go on; `ERR_DIVERGED` after `maxSkips` skipped steps in a row, or if the last step was skipped.
   */
  async train({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<TrainSummary> {
    for await (const _ of this.steps({ signal }));
    return this.summary();
  }

  /** As `train`, and yields each step. Leaving the loop ends the run as an abort does; several ranks have to leave it after the same step. */
  async *steps({
    signal,
  }: {
    readonly signal?: AbortSignal | undefined;
  } = {}): AsyncGenerator<StepRecord, void, undefined> {
    if (this.#isTraining) {
      throw new MayflyError('ERR_INVALID_ARGUMENT', 'Expected a trainer that is not training, got one whose steps run');
    }
    this.#isTraining = true;
    try {
      await this.#parts.run?.hold();
      const { allowSleep } = this.options;
      using _ = await PowerWatch.open({ allowSleep, onState: (state) => this.#onPower(state) });
      this.#energy = EnergyWatch.open(this.pool.device, this.step);
      yield* this.#untilEnd(new Ending(signal, this.#parts.ranks));
    } catch (error) {
      this.#parts.ranks.giveUp(error);
      throw error;
    } finally {
      publishActivities();
      this.#parts.run?.release();
      this.#isTraining = false;
    }
  }

  /**
   * Writes a checkpoint now, and returns its path; without a folder, does nothing and returns null. Do not call it while a step runs.
   *
   * @throws `ERR_NOT_FINITE` if parameters or moments are not finite; errors of writing a file.
   */
  save(): Promise<string | null> {
    return this.#checkpoints.save();
  }

  /** Adds a record to the run's log: something that is no event of the trainer, such as a measurement between steps. */
  record(event: string, fields: object): void {
    const record = runRecord(event, fields);
    this.#isDone ||= event === 'done';
    this.#parts.run?.log.write(record);
    this.emit('record', record);
  }

  /** Mean cross-entropy over windows of a stream, with the current parameters. Do not call it while a step runs. */
  async evaluate(stream: TokenStream, windows: readonly [number, number]): Promise<WindowLoss> {
    await this.#step.settleForward();
    return await windowLoss(this.#parts.decoder, stream, windows);
  }

  /** Draws tokens with the current parameters. Do not call it while a step runs. */
  async *generate(prompt: readonly number[], options?: TokenGeneratorOptions): AsyncGenerator<number, void, undefined> {
    const { decoder, tokenizer } = this.#parts;
    await this.#step.settleForward();
    yield* generateTokens(wholeWindows(decoder), prompt, { tokenizer, ...options });
  }

  /** How the programs of its layers are written: their variants, and the axes that were decided. */
  get form(): ProgramForm {
    return this.#parts.fallback?.plan.form ?? this.#parts.form;
  }

  /**
   * Replaces the adapters of a LoRA run, without a compilation: those of PEFT's folder, or of another LoRA run, with the same rank, targets
   * and factor. Moments stay as they are. Do not call it while a step runs.
   *
   * @throws `ERR_INVALID_ARGUMENT` for a run without adapters, and for others than its own; as `loadModel`.
   */
  async loadAdapter(source: string): Promise<void> {
    const { decoder, carried } = this.#parts;
    const own = carried.adapters;
    if (own === undefined) throw invalidArgument('a trainer', 'one with lora', 'one without');
    const { lora, values } = await readAdapter(source, this.config);
    if (!areAlike(own, lora))
      throw invalidArgument('adapter', `adapters like ${JSON.stringify(own)}`, JSON.stringify(lora));
    await this.#step.settle();
    await decoder.setAdapters(values);
  }

  /** Token ids that a run with `compactVocabulary` trains with; null where that is the whole vocabulary. */
  get classes(): number | null {
    return this.#parts.decoder.state.compact?.vocabulary.classes.length ?? null;
  }

  /** Number of parameters that are trained: with `compactVocabulary`, those of its classes. */
  get parameters(): number {
    return this.#parts.decoder.state.layout.count;
  }

  /**
   * Reads a matrix of a layer in every pass from now on: an activation, or a gradient of the mean loss.
   *
   * @param layer From 0.
   * @param name A value of one of the layer's blocks, with the block's name before it if several blocks have such a value: `attn`, `h1`,
   * `feedForward.xn`, `dq`.
   * @throws `ERR_INVALID_ARGUMENT`, which lists the values that the layer has.
   */
  tap(layer: number, name: string): Tap {
    return this.#parts.decoder.tap(layer, name);
  }

  /**
   * The distribution of each trained tensor's gradient in the last step, in a few nanoseconds per parameter; with `shardOptimizer` of the tensors
   * whose moments this rank has. Empty before the first step. Do not call it while a step runs.
   */
  gradientHistograms(): readonly GradientHistogram[] {
    return this.#step.gradientHistograms();
  }

  /** SHA-256 of the parameters: equal only for runs that are equal bit for bit. */
  parametersDigest(): string {
    this.#step.clock.block(() => addon.mathQueue.finish());
    return tensorDigest(this.#parts.decoder.state.parameters);
  }

  /** The run so far, or as it ended: steps, losses, times, digests and the latest checkpoint. */
  summary(): TrainSummary {
    const { run } = this.#parts;
    const checkpoint = this.#checkpoints.latest?.path ?? null;
    const canResume = run !== null && checkpoint !== null && this.options.layers === undefined;
    return summarize({
      reason: this.#reason,
      counts: this.#step.counts,
      stepsRun: this.#stepsRun,
      tokensPerStep: this.#step.tokens,
      skipped: this.#scaler.skipped,
      lastLoss: this.#lastLoss,
      stepMs: this.#step.clock.total,
      wallMs: performance.now() - this.#parts.startedAt,
      activityMs: this.activityMs,
      stepWork: this.#step.work,
      exchange: this.#exchange.summary(this.#stepsRun),
      pool: this.pool.stats(),
      checkpoint,
      resumeCommand: canResume ? resumeCommand(run.path, this.options) : null,
      lossesDigest: this.#losses.value,
      parametersDigest:
        this.#digest?.updates === this.#step.counts.optimizerStep ? this.#digest.value : this.parametersDigest(),
      ranges: this.#parts.ranges?.ranges,
      best: this.#best(),
      wholeVocabulary: this.#wholeVocabulary ?? undefined,
    });
  }

  /** Ends the workers and releases all memory. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** For channels of node:diagnostics_channel. */
  #message(ahead = 0): { trainer: object; step: number } {
    return { trainer: this, step: this.step + ahead };
  }

  #onPower(state: PowerState): void {
    this.record('power', state);
    this.emit('power', state);
  }

  #onEnergy(use: EnergyUse | null | undefined): void {
    if (!use) return;
    this.record('energy', use);
    publishEnergy(this, use);
    this.emit('energy', use);
  }

  async *#untilEnd(ending: Ending): AsyncGenerator<StepRecord, void, undefined> {
    this.#reason = 'running';
    let last: StepRecord | null = null;
    try {
      this.#stats.write(this.step, this.activityMs);
      await this.#exchange.apart(() => ending.ask());
      await this.#look(ending);
      while (this.#goesOn && !ending.isAgreed) {
        last = await this.#step.clock.count(() => this.#runStep(ending));
        yield last;
      }
      await this.#step.settle();
      if (last !== null && !ending.isAgreed && this.#divergence.hasFailed) await this.#diverge(last);
      if (last !== null && !ending.isAgreed) await this.#measureWholeVocabulary(ending.signal);
    } catch (error) {
      this.#reason = 'failed';
      // The first error counts.
      await this.#step.settle().catch(() => {});
      this.record('error', { error });
      throw error;
    } finally {
      // If the caller leaves the loop, this function ends here.
      if (this.#reason === 'running') {
        this.#reason = this.#goesOn ? 'aborted' : this.step < this.options.steps ? 'patience' : 'finished';
        await this.#step.settle();
        this.#onEnergy(this.#energy?.read(this.step));
        await this.#checkpoints.saveIfSound();
        await this.#checkpoints.prune();
        const { parameters } = this.#parts.decoder.state;
        this.#stats.write(this.step, this.activityMs);
        this.#digest = { updates: this.#step.counts.optimizerStep, value: await tensorDigestInPieces(parameters) };
      }
    }
  }

  /** Steps that this trainer has done. */
  get #stepsRun(): number {
    return this.step - this.#firstStep;
  }

  get #goesOn(): boolean {
    return this.step < this.options.steps && !this.#parts.validation?.isExhausted;
  }

  async #runStep(ending: Ending): Promise<StepRecord> {
    const scaleCanFall = this.#scaler.canFall;
    let saves: boolean | null = null;
    const vote = (): StepVote => ({ ends: ending.isWanted, saves: this.#checkpoints.isDue(this.step + 1) });
    const onVotes = (votes: readonly StepVote[]) => {
      ending.agree(votes.some(({ ends }) => ends));
      // Of the clocks, one decides.
      saves = votes[0]!.saves;
    };
    const record = await traced(
      stepChannel,
      () => this.#message(1),
      () => this.#inAnyVariant(() => this.#step.run(vote, onVotes)),
    );
    this.#losses.add(record.loss);
    this.#lastLoss = record.loss;
    this.#divergence.observe(record, scaleCanFall);
    this.record('step', record);
    this.emit('step', record);
    this.#stats.look(record.step, this.activityMs);
    this.#onEnergy(this.#energy?.look(record.step));
    const parametersAreLost = !Number.isFinite(record.loss) && !(await allFinite(this.#parts.decoder.state.parameters));
    if (parametersAreLost || this.#divergence.isOver) await this.#step.clock.leaveOut(() => this.#diverge(record));
    if (this.#divergence.lossIsFinite) await this.#checkpoints.prove();
    await this.#look(ending);
    // The checkpoint of the last step is written at the end of the run, where a failure is an error.
    const isLast = record.step === this.options.steps;
    if (this.#parts.saves && !isLast && (saves ?? this.#checkpoints.isDue(record.step)))
      await this.#step.clock.leaveOut(() => this.#checkpoints.trySave());
    return record;
  }

  /** Evaluates the model, and lets it write, where one or the other is due after the last step. An abort ends it; it is then due again. */
  async #look(ending: Ending): Promise<void> {
    const { step } = this;
    const { validation, sampleEvery } = this.#parts;
    const { steps } = this.options;
    const samples = sampleEvery !== null && step > this.#firstStep && isSampleDue(step, { sampleEvery, steps });
    const evaluates = validation?.isDue(step);
    if (!evaluates && !samples) return;
    await this.#step.settleForward();
    try {
      await this.#step.clock.leaveOut(async () => {
        if (evaluates) await this.#validate(validation!, ending);
        if (samples) await this.#drawSample(ending.signal);
      });
    } catch (error) {
      if (!ending.interrupted(error)) throw error;
    }
  }

  async #validate(validation: Validation, ending: Ending): Promise<void> {
    const evaluation = await traced(
      evaluationChannel,
      () => this.#message(),
      () => this.#exchange.apart(() => this.#inAnyVariant(() => validation.evaluate(this.step, ending))),
    );
    const event = { ...evaluation, checkpoint: evaluation.isBest ? await this.#checkpoints.trySaveBest() : null };
    this.record('evaluation', event);
    this.emit('evaluation', event);
  }

  /** Lets the model write on the first rank. */
  async #drawSample(signal: AbortSignal | undefined): Promise<void> {
    const { samples } = this.#parts;
    const draw = () => this.#inAnyVariant(() => samples!.draw(this.step, signal));
    const sample = await this.#onFirst(() => traced(sampleChannel, () => this.#message(), draw));
    if (sample === null) return;
    this.record('sample', sample);
    this.emit('sample', sample);
  }

  /** Does work on the first rank alone, between steps; null on the others, which wait however long it takes. */
  #onFirst<Result>(work: () => Promise<Result>): Promise<Result | null> {
    const { ranks } = this.#parts;
    return this.#exchange.apart(() => ranks.throughout(() => (ranks.isFirst ? work() : null)));
  }

  /** At the end of a run with a compact vocabulary: its loss over all ids. */
  async #measureWholeVocabulary(signal: AbortSignal | undefined): Promise<void> {
    const { decoder, measured } = this.#parts;
    const { stream, on } = measured;
    const most = this.options.evaluateWindows;
    const measure = () => this.#inAnyVariant(() => wholeVocabularyLoss(decoder, stream, { most, on, signal }));
    this.#wholeVocabulary = decoder.state.compact === null ? null : await this.#onFirst(measure);
    if (this.#wholeVocabulary === null) return;
    this.record('wholeVocabulary', this.#wholeVocabulary);
    this.emit('wholeVocabulary', this.#wholeVocabulary);
  }

  /** Repeats work whose kernel the device refuses, in the next variant of its half. */
  async #inAnyVariant<Result>(work: () => Promise<Result>): Promise<Result> {
    const { fallback, windows, ranks } = this.#parts;
    if (fallback === null) return await work();
    if (ranks.size > 1) {
      try {
        return await work();
      } catch (error) {
        throw await fallback.whereRanksAgree(error);
      }
    }
    for (;;) {
      const before = windows.state();
      try {
        return await work();
      } catch (error) {
        this.record('variantMove', await this.#step.clock.leaveOut(() => fallback.moveFrom(error)));
        windows.restore(before);
      }
    }
  }

  async #diverge(record: StepRecord): Promise<never> {
    if (this.#divergence.lossIsFinite) {
      // If only gradients overflowed, the parameters are still sound.
      await this.#checkpoints.trySave();
      await this.#checkpoints.prove();
      throw asShared(this.#divergence.error(record, '', this.#checkpoints.wayBack));
    }
    const { decoder, ranks } = this.#parts;
    const cause = await explainOverflow(decoder, (found) => ranks.gather(found));
    throw asShared(this.#divergence.error(record, cause, this.#checkpoints.wayBack));
  }

  #progress(): TrainingProgress {
    return {
      counts: this.#step.counts,
      lossScaler: this.#scaler.state,
      windows: this.#parts.windows.state(),
      lossDigest: this.#losses.value,
      lastLoss: this.#lastLoss,
      ranks: this.ranks === 1 ? undefined : this.ranks,
      validation: this.#parts.validation?.state,
    };
  }

  #best(): TrainSummary['best'] {
    const best = this.#parts.validation?.state.best;
    return best ? { ...best, checkpoint: this.#checkpoints.best } : undefined;
  }

  async #close(): Promise<void> {
    const { decoder, pool, close } = this.#parts;
    for (const [event, listener] of this.#recorders) pool.off(event, listener as never);
    const hasEnded = this.#reason !== 'running' && this.#reason !== 'failed';
    if (hasEnded && !this.#isDone && this.#parts.run !== null) this.record('done', this.summary());
    // Host threads read and write the arena: they have to end before it is unmapped.
    await decoder.dispose();
    await close();
  }
}
