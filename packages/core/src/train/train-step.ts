import { isMayflyError, MayflyError } from '@mayfly/native';
import type { StepWork } from '../chips/step-work.js';
import { countTargets, type Windows } from '../data/windows.js';
import type { Decoder } from '../decoder/decoder.js';
import { type GradientHistogram, gradientHistograms } from '../decoder/gradient-histograms.js';
import { sumByTree } from '../decoder/gradient-sums.js';
import { Optimizer, type OptimizerSettings, type TableRows } from '../decoder/optimizer.js';
import type { LossScaler } from './loss-scaler.js';
import type { Ranks } from './ranks.js';
import { learningRate, type Schedule } from './schedules.js';
import { StepClock } from './step-clock.js';

/** The result of one training step. */
export interface StepRecord {
  /** From 1. */
  readonly step: number;
  /**
   * Mean cross-entropy in nats per token over the targets of the step that count, before its update; 0 where none does; not finite
   * where the forward pass overflowed.
   */
  readonly loss: number;
  /** Global L2 norm of the mean loss's gradient, before clipping; not finite when the step overflowed. */
  readonly gradNorm: number;
  readonly lr: number;
  /**
   * Wall time since the end of the previous step, without evaluations, samples, checkpoints and what the caller did between the steps. It
   * includes the rest of the previous step's update, also where other work waited for that, and leaves out what its own left to the next.
   */
  readonly ms: number;
  readonly tokensPerSecond: number;
  /** The loss scale of the step. */
  readonly lossScale: number;
  /** Whether loss or gradients were not finite, so that the parameters were not updated. */
  readonly skipped: boolean;
}

export interface TrainStepOptions extends OptimizerSettings, Schedule {
  /** Passes of each rank. */
  readonly accumulate: number;
}

/** What a rank says to the others with a step. */
export interface StepVote {
  /** It was asked to end the run. */
  readonly ends: boolean;
  /** A checkpoint is due. */
  readonly saves: boolean;
}

/** Counts that a checkpoint stores. */
export interface StepCounts {
  /** Steps done, skipped ones among them. */
  readonly step: number;
  /** Updates made. */
  readonly optimizerStep: number;
}

/** Inputs and targets of a pass, each [batch, sequence]. */
interface Batch {
  readonly inputs: Int32Array;
  readonly targets: Int32Array;
  /** The number of each token's document within its window, where the model has document masks. */
  readonly documents: Int32Array | undefined;
}

/**
 * Runs training steps: forward and backward for every pass, then one update, which goes on while the next step begins: each part of the
 * model waits for its own.
 */
export class TrainStep {
  readonly clock = new StepClock();
  readonly #decoder: Decoder;
  readonly #windows: Windows;
  readonly #scaler: LossScaler;
  readonly #options: TrainStepOptions;
  readonly #optimizer: Optimizer;
  readonly #ranks: Ranks;
  /** The batch of each pass of a step that is this rank's. */
  readonly #batches: readonly Batch[];
  /** Takes those of the others, of which only the targets that count matter. */
  readonly #others: Batch | null;
  #step: number;
  #work: StepWork | null = null;
  /** By which the gradients in the arena are multiplied; null before the first step. */
  #gradientScale: number | null = null;
  #optimizerStep: number;

  constructor(
    decoder: Decoder,
    windows: Windows,
    scaler: LossScaler,
    options: TrainStepOptions,
    ranks: Ranks,
    { step, optimizerStep }: StepCounts = { step: 0, optimizerStep: 0 },
  ) {
    this.#decoder = decoder;
    this.#windows = windows;
    this.#scaler = scaler;
    this.#options = options;
    this.#optimizer = new Optimizer(decoder.state, options, decoder.precision, decoder.exchange);
    const { columns } = decoder.layers;
    const batch = (): Batch => ({
      inputs: new Int32Array(columns),
      targets: new Int32Array(columns),
      documents: decoder.hasDocumentMasks ? new Int32Array(columns) : undefined,
    });
    this.#ranks = ranks;
    this.#batches = Array.from({ length: options.accumulate }, batch);
    this.#others = ranks.size === 1 ? null : batch();
    this.#step = step;
    this.#optimizerStep = optimizerStep;
  }

  get counts(): StepCounts {
    return { step: this.#step, optimizerStep: this.#optimizerStep };
  }

  /** The work of the last step; null before the first. */
  get work(): StepWork | null {
    return this.#work;
  }

  /** Of the last step; none before the first. */
  gradientHistograms(): GradientHistogram[] {
    return this.#gradientScale === null ? [] : gradientHistograms(this.#decoder.state, this.#gradientScale);
  }

  /** Tokens in a step, of all ranks. */
  get tokens(): number {
    return this.#decoder.layers.columns * this.#options.accumulate * this.#ranks.size;
  }

  /** The index of this rank's first pass among those of a step. */
  get #firstPass(): number {
    return this.#ranks.rank * this.#options.accumulate;
  }

  /**
   * Waits for the last update, as a part of the next step. Needed before anything but a step reads or writes parameters or moments. Compilations that it
   * asked for can go on.
   */
  settle(): Promise<void> {
    const { stopwatch, updates } = this.#decoder;
    return this.clock.count(() => stopwatch.wait('hostMath', updates.settleAll()));
  }

  /** As `settle`, and waits for the compilations that a forward pass needs: before any but that of a step. */
  async settleForward(): Promise<void> {
    await this.settle();
    await this.clock.count(() => this.#decoder.stopwatch.wait('compile', this.#decoder.settleForward()));
  }

  /**
   * Its time is what the clock counts: the caller lets it count.
   *
   * @param vote Called when all work of the step is queued: what this rank says to the others.
   * @param onVotes Called with what all ranks said, by rank, before the step's update. Not called where there are no others.
   */
  async run(vote: () => StepVote, onVotes: (votes: readonly StepVote[]) => void): Promise<StepRecord> {
    const { scale } = this.#scaler;
    const { stopwatch, gradientSums } = this.#decoder;
    const before = stopwatch.work.total;
    const { losses, divisor } = await this.#gradients(scale);
    this.#decoder.layers.scaleTaps(scale);
    const own = sumByTree(losses);
    let sum = own;
    let norm: number;
    if (this.#decoder.exchange === null) norm = await stopwatch.wait('hostMath', gradientSums!.norm());
    else {
      const all = Promise.all([gradientSums!.norm(), this.#exchange(own, vote)]);
      const [ofGradients, ranks] = await stopwatch.wait('hostMath', this.#decoder.exchange.exposed(all));
      norm = ofGradients;
      sum = ranks.sum;
      onVotes(ranks.votes);
    }
    const gradNorm = norm / scale;
    const loss = sum / divisor;
    const lr = learningRate(this.#options, this.#optimizerStep + 1);
    const accepted = this.#scaler.accept(Number.isFinite(gradNorm) && Number.isFinite(loss));
    if (accepted) this.#update(lr, this.#optimizer.clipFactor(gradNorm) / scale);
    this.#step += 1;
    this.#gradientScale = scale;
    this.#work = stopwatch.work.since(before);
    const ms = this.clock.lap();
    const tokensPerSecond = (1000 * this.tokens) / ms;
    return { step: this.#step, loss, gradNorm, lr, ms, tokensPerSecond, lossScale: scale, skipped: !accepted };
  }

  /** The losses of this rank's passes, how many targets of all count and, in the arena, `scale` times the gradient of the mean loss. */
  async #gradients(scale: number): Promise<{ readonly losses: readonly number[]; readonly divisor: number }> {
    const { weightGradients, stopwatch } = this.#decoder;
    const first = this.#firstPass;
    let counted = 0;
    for (let pass = 0; pass < this.#options.accumulate * this.#ranks.size; pass++) {
      const { inputs, targets, documents } = this.#batches[pass - first] ?? this.#others!;
      this.#windows.next(inputs, targets, documents);
      counted += countTargets(targets);
    }
    // Without a counted target the sums are zero, and so are their means.
    const divisor = Math.max(1, counted);
    const losses = await this.#runPasses(scale / divisor);
    await stopwatch.wait('hostThreads', weightGradients!.settleAll());
    return { losses, divisor };
  }

  /** Exchanges this rank's loss and vote, behind the gradients. */
  async #exchange(own: number, vote: () => StepVote): Promise<{ sum: number; votes: StepVote[] }> {
    const exchange = this.#decoder.exchange!;
    const { ends, saves } = vote();
    const call = () => this.#ranks.gatherNumbers([own, Number(ends), Number(saves)]);
    const all = await exchange.inOrder(Promise.resolve(), call);
    const votes = all.map(([, end, save]) => ({ ends: end === 1, saves: save === 1 }));
    return { sum: sumByTree(all.map(([loss]) => loss!)), votes };
  }

  /** Runs all passes, as many at a time as the decoder has in flight, and returns their losses. After an error nothing runs any more. */
  async #runPasses(gradientScale: number): Promise<number[]> {
    const { runners, turns } = this.#decoder;
    const before = this.#firstPass;
    const losses: number[] = [];
    turns.begin();
    const ended = runners.map(async (runner, first) => {
      try {
        for (let pass = first; pass < this.#batches.length && turns.failure === null; pass += runners.length) {
          const { inputs, targets, documents } = this.#batches[pass]!;
          await runner.forward(inputs, { documents, training: { step: this.#step, pass: before + pass } });
          losses[pass] = await runner.backward(targets, gradientScale, pass);
        }
      } catch (error) {
        turns.fail(error);
      }
    });
    await Promise.all(ended);
    if (turns.failure !== null) throw turns.failure.error;
    return losses;
  }

  #update(lr: number, gradientScale: number): void {
    const { stopwatch, updates } = this.#decoder;
    this.#optimizerStep += 1;
    stopwatch.work.did('updates', this.#decoder.state.trained.entries.length);
    stopwatch.time('dispatch', () => {
      const rows = this.#expectNext();
      for (const { part, done } of this.#optimizer.step(lr, this.#optimizerStep, gradientScale, this.#decoder, rows)) {
        updates.add(part, inUpdateOf(this.#step + 1, done));
      }
    });
    this.#decoder.updatesTable();
  }

  /** Rows of the embedding that this rank's first passes of the next step read, which begin at once. */
  #expectNext(): TableRows | null {
    // Where other ranks update it, the table comes as a whole.
    if (this.#decoder.state.shards !== null) return null;
    const { layers, runners } = this.#decoder;
    const { batch } = layers.shape;
    const first = this.#batches.slice(0, runners.length);
    try {
      for (const [pass, { inputs, targets }] of first.entries()) {
        this.#windows.peek(inputs, targets, (this.#firstPass + pass) * batch);
      }
      return this.#decoder.expectTokens(first.map(({ inputs }) => inputs));
    } catch {
      // The pass itself will fail, and say why.
      return this.#decoder.expectTokens([[]]);
    }
  }
}

/** Names the step in the error of an update, which a later one meets. */
async function inUpdateOf(step: number, done: Promise<unknown>): Promise<void> {
  try {
    await done;
  } catch (error) {
    if (!isMayflyError(error)) throw error;
    throw new MayflyError(error.code, `the update of step ${step}: ${error.message}`, { cause: error });
  }
}
