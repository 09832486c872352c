import { isMayflyError } from '@mayfly/native';
import type { CheckpointFile } from '../checkpoint/directory.js';
import { allFinite } from '../decoder/finite.js';
import type { ModelState } from '../decoder/model-state.js';
import { traced } from '../tracing.js';
import { checkpointChannel } from './channels.js';
import { CheckpointSchedule } from './checkpoint-schedule.js';
import type { Divergence } from './divergence.js';
import type { ExchangeMeter } from './exchange-meter.js';
import type { FilledTrainOptions } from './options.js';
import type { Ranks } from './ranks.js';
import type { RunFolder } from './run-folder.js';
import { type CarriedInputs, saveTraining } from './training-checkpoint.js';
import type { TrainingProgress } from './training-header.js';

/** Errors of writing a checkpoint during a run after which the next attempt may succeed. */
const passing: ReadonlySet<string> = new Set(['ERR_FILE', 'ERR_FILE_NOT_FOUND', 'ERR_DISK_SPACE']);

/** A checkpoint that was written. */
export interface WrittenCheckpoint extends CheckpointFile {
  readonly ms: number;
}

/** Where the checkpoints of a run lie, and what they hold beside its progress. */
export interface CheckpointPlace {
  /** Null where no checkpoints and no log are written, and on all ranks but the first. */
  readonly run: RunFolder | null;
  /** Whether the first rank writes checkpoints. */
  readonly saves: boolean;
  readonly carried: CarriedInputs;
  /** The checkpoint of the run's folder from which it continues. */
  readonly checkpoint: CheckpointFile | null;
  /** The folder of the checkpoint with the lowest validation loss. */
  readonly bestCheckpoint: string | null;
}

/** What the checkpoints of a run need of its training. */
export interface CheckpointedTraining {
  readonly options: FilledTrainOptions;
  readonly state: ModelState;
  readonly ranks: Ranks;
  readonly divergence: Divergence;
  readonly exchange: ExchangeMeter;
  readonly progress: () => TrainingProgress;
  /** Waits for the update of the last step. */
  readonly settle: () => Promise<void>;
  /** For subscribers of the channel `mayfly:checkpoint`. */
  readonly message: () => object;
  readonly onSave: (event: WrittenCheckpoint) => void;
  readonly onFail: (event: { readonly step: number; readonly error: unknown }) => void;
}

/** The checkpoints of a run: when one is due, which one is known to be sound, and which ones are kept. */
export class RunCheckpoints {
  readonly #place: CheckpointPlace;
  readonly #training: CheckpointedTraining;
  readonly #schedule: CheckpointSchedule;
  #best: string | null;
  /** The latest checkpoint that this trainer wrote. */
  #written: CheckpointFile | null = null;
  /** The latest checkpoint whose parameters gave a finite loss. */
  #proven: string | null = null;

  constructor(place: CheckpointPlace, training: CheckpointedTraining) {
    this.#place = place;
    this.#training = training;
    this.#schedule = new CheckpointSchedule(training.options);
    this.#best = place.bestCheckpoint;
  }

  /** The latest of the run; null where it has none. */
  get latest(): CheckpointFile | null {
    return this.#written ?? this.#place.checkpoint;
  }

  /** The folder of the checkpoint with the lowest validation loss; null where none was written. */
  get best(): string | null {
    return this.#best;
  }

  /** Where to go on from after the run has diverged, as the beginning of a sentence. */
  get wayBack(): string {
    if (this.#proven !== null) return `Resume from ${this.#proven}`;
    return this.#training.options.resume === undefined
      ? 'Start again'
      : 'Resume from an earlier checkpoint, or start again,';
  }

  /** Whether one is to be written after a step. */
  isDue(step: number): boolean {
    return this.#schedule.isDue(step);
  }

  /**
   * Writes one now, and returns its path; null where the run has no folder.
   *
   * @throws `ERR_NOT_FINITE` if parameters or moments are not finite; errors of writing a file.
   */
  async save(): Promise<string | null> {
    if (this.#place.saves) await this.#training.settle();
    return await traced(checkpointChannel, this.#training.message, () => this.#save());
  }

  async #save(): Promise<string | null> {
    if (!this.#place.saves) return null;
    const start = performance.now();
    const step = this.#step;
    try {
      const path = await this.#write('run');
      this.#written = { step, path };
      this.#training.onSave({ step, path, ms: performance.now() - start });
      return path;
    } finally {
      this.#schedule.tried(performance.now() - start);
    }
  }

  /** Writes the last one, unless the loss is not finite: it would replace a checkpoint with good parameters. */
  async saveIfSound(): Promise<void> {
    const { divergence, options, state } = this.#training;
    const { lossIsFinite, isOver } = divergence;
    const isFirst = this.#written === null && options.resume === undefined;
    const isSound = lossIsFinite || (isFirst && !isOver && (await allFinite(state.parameters)));
    if (isSound && this.latest?.step !== this.#step) await this.save();
  }

  /** Writes one during the run. A failure does not end the run: earlier checkpoints remain, and the next attempt may succeed. */
  async trySave(): Promise<void> {
    await this.#tolerate(() => this.saveIfSound());
  }

  /**
   * Writes the one with the lowest validation loss, as `trySave`.
   *
   * @returns Its folder; null where none was written.
   */
  async trySaveBest(): Promise<string | null> {
    if (!this.#place.saves) return null;
    this.#best = null;
    await this.#tolerate(async () => {
      this.#best = await this.#write('best');
    });
    return this.#best;
  }

  /** Notes that the latest is sound: a step with its parameters, or later ones, had a finite loss. */
  async prove(): Promise<void> {
    const latest = this.latest?.path ?? this.#training.options.resume ?? null;
    if (latest === this.#proven) return;
    this.#proven = latest;
    await this.prune();
  }

  /** Keeps the one before the latest, even with `keep` 1, until a step has shown that the latest is sound. */
  async prune(): Promise<void> {
    const { keep, keepEvery } = this.#training.options;
    if (this.#written === null) return;
    const least = this.#written.path === this.#proven ? 1 : 2;
    await this.#place.run?.prune(this.#written.step, { keep: Math.max(keep, least), keepEvery });
  }

  get #step(): number {
    return this.#training.progress().counts.step;
  }

  #write(place: 'run' | 'best'): Promise<string> {
    const { run, carried } = this.#place;
    const { state, options, ranks, exchange, progress } = this.#training;
    return exchange.apart(() => saveTraining(run, state, progress(), options, carried, { ranks, place }));
  }

  async #tolerate(save: () => Promise<void>): Promise<void> {
    const step = this.#step;
    try {
      await save();
    } catch (error) {
      if (!isMayflyError(error) || !passing.has(error.code)) throw error;
      this.#training.onFail({ step, error });
      if (this.#training.ranks.isFirst)
        process.emitWarning(`no checkpoint of step ${step}, the run goes on: ${error.message}`);
    }
  }
}
