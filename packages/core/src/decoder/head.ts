import { addon, MayflyError, type Precision } from '@mayfly/native';
import { TABLES_RANK, tableTurns } from '../chips/step-schedule.js';
import { IGNORED_TARGET } from '../data/windows.js';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { ClassifierPass, DeviceClassifier } from './device-classifier.js';
import type { ExpectedTokens } from './expected-tokens.js';
import type { PassGradients } from './gradient-sums.js';
import type { ModelState } from './model-state.js';
import type { UpdatedPart } from './optimizer.js';
import type { PendingTasks } from './pending-tasks.js';
import type { Stopwatch } from './stopwatch.js';
import type { WeightGradients } from './weight-gradients.js';

const { mathQueue: queue } = addon;

export interface HeadOptions {
  readonly state: ModelState;
  /** Tokens per pass. */
  readonly columns: number;
  /** Precision of the classifier's products. */
  readonly precision: Precision;
  /** Updates under way, by part of the model. */
  readonly updates: PendingTasks<UpdatedPart>;
  readonly stopwatch: Stopwatch;
  /** Where the classifier's products run: on the device, or null where they are host math. */
  readonly classifier: DeviceClassifier | null;
  /** Passes that use the classifier at the same time, one after the other. */
  readonly inFlight: number;
  /** Whose rows an update begins with; null where the table is one part. */
  readonly expected: ExpectedTokens | null;
  /** Null where the model is not trained. */
  readonly weightGradients: WeightGradients | null;
  /** Whether gradients of a pass may be under way while the next one runs. */
  readonly holdsBack: boolean;
}

/** Tensors that the gradients of a pass's tables are made of, which the passes of a step use in turn. */
interface Turn {
  /** Output of the final RMSNorm, fp32 [dim, columns]. */
  readonly normed: Tensor<'fp32'>;
  /** Gradient of the residual stream, fp32 [dim, columns]; null where the model is not trained. */
  readonly gradient: Tensor<'fp32'> | null;
  /** Of a classifier on the device: logits, and then their gradients, fp32 [vocab, columns]. */
  readonly logits: Tensor<'fp32'> | null;
  /** The tokens that the gradient belongs to, int32 [columns]. */
  readonly tokens: Tensor<'int32'>;
}

/**
 * The two ends of a decoder, each both ways: the embedding below the layers; the final RMSNorm, the classifier and the
 * cross-entropy above them. All of it is host math, but for the classifier's products where the device has them.
 */
export class Head {
  readonly #state: ModelState;
  readonly #columns: number;
  readonly #precision: Precision;
  readonly #updates: PendingTasks<UpdatedPart>;
  readonly #stopwatch: Stopwatch;
  readonly #inFlight: number;
  #classifier: DeviceClassifier | null;
  readonly #weightGradients: WeightGradients | null;
  /** Two where a pass makes its own while gradients are made of those of the pass before. */
  readonly #turns: Turn[];
  #turn: Turn;
  /** int32 [columns]: window after window. */
  readonly #tokens: Tensor<'int32'>;
  readonly #targets: Tensor<'int32'>;
  readonly #expected: ExpectedTokens | null;
  /** Gradient of the output of the final RMSNorm, fp32 [dim, columns]; null where the model is not trained. */
  readonly #normedGradient: Tensor<'fp32'> | null;
  /** Takes the final norm's gradient where that is frozen. */
  readonly #unused: Tensor<'fp32'> | null;
  /** The columns that count, where not all do. */
  readonly #part: Tensor<'fp32'>;
  readonly #logits: Tensor<'fp32'>;
  /** [columns]: of each column the logarithm of its sum of exponentials, where another sum will be added. */
  readonly #logSumExp: Tensor<'fp32'> | null;

  constructor(source: TensorSource, { state, classifier, ...options }: HeadOptions) {
    const { columns, precision, updates, stopwatch, weightGradients, holdsBack, inFlight } = options;
    const { dim, vocab } = state.config;
    this.#state = state;
    this.#columns = columns;
    this.#precision = precision;
    this.#updates = updates;
    this.#stopwatch = stopwatch;
    this.#inFlight = inFlight;
    this.#classifier = classifier;
    this.#weightGradients = weightGradients;
    const turns = tableTurns({ onDevice: classifier !== null, holdsBack });
    this.#turns = Array.from({ length: turns }, () => ({
      normed: source.tensor('fp32', [dim, columns]),
      gradient: state.training ? source.tensor('fp32', [dim, columns]) : null,
      logits: classifier === null ? null : source.tensor('fp32', [vocab, columns]),
      tokens: source.tensor('int32', [columns]),
    }));
    this.#turn = this.#turns[0]!;
    this.#tokens = source.tensor('int32', [columns]);
    this.#targets = source.tensor('int32', [columns]);
    this.#expected = options.expected;
    this.#normedGradient = state.training ? source.tensor('fp32', [dim, columns]) : null;
    this.#unused = state.training && !state.isTrained('finalNorm') ? source.tensor('fp32', [dim]) : null;
    this.#part = source.tensor('fp32', [dim, columns]);
    this.#logits = source.tensor('fp32', [vocab]);
    this.#logSumExp = state.compact && source.tensor('fp32', [columns]);
  }

  /** Whether embedding and classifier have one table, and its gradient is computed: in two parts, at the loss and at the end of a pass. */
  get tiesTable(): boolean {
    return this.#state.config.tiedHead && this.#state.isTrained('embedding');
  }

  /** From then on the classifier's products are host math. No pass may be under way. */
  leaveDevice(): void {
    this.#classifier = null;
    this.#turns.splice(1);
    this.#turn = this.#turns[0]!;
  }

  /** Gradient of the residual stream in the pass under way, fp32 [dim, columns]; null where the model is not trained. */
  get gradient(): Tensor<'fp32'> | null {
    return this.#turn.gradient;
  }

  /** Sets the tokens of the next pass, at most `columns`. Missing ones count as 0, which causal attention hides from those before. */
  setTokens(ids: ArrayLike<number>): void {
    this.#writeIds(this.#tokens, ids);
  }

  /** Notes the tokens of the pass in flight with this number after the next update. */
  expectTokens(pass: number, ids: ArrayLike<number>): void {
    if (this.#expected !== null) this.#writeIds(this.#expected.of(pass), ids);
  }

  /** Writes the tokens' embeddings to `out`, fp32 [dim, columns]. */
  async embed(out: Tensor<'fp32'>): Promise<void> {
    await this.#settle('embeddingRows');
    const isUpdated = this.#expected?.hasAll(this.#tokens.array());
    if (this.#updates.has('embedding') && isUpdated !== true) await this.#settle('embedding');
    const { vocab, dim } = this.#state.config;
    const columns = this.#columns;
    this.#stopwatch.time('hostMath', () => {
      addon.math.embed(out.arena, {
        table: this.#state.parameter('embedding'),
        tokens: this.#tokens.offset,
        out: out.offset,
        vocab,
        dim,
        columns,
      });
    });
  }

  /**
   * Ends a pass: holds back the gradient of the embeddings' table, unless it is frozen, made of `gradient`.
   *
   * @param after Resolves once all other gradients of the pass are queued; null where they are.
   */
  embedBackward(gradients: PassGradients, after: Promise<unknown> | null = null): void {
    const { tokens, gradient } = this.#turn;
    const { vocab, dim, tiedHead } = this.#state.config;
    // Every rank finishes gradients in one order: these after all of the layers.
    if (this.#classifier !== null && this.#inFlight === 1 && this.#state.isTrained('head') && !tiedHead) {
      this.#hold(async () => gradients.finishTable('head'), after);
    }
    if (this.#state.isTrained('embedding')) {
      const { arena, offset } = gradient!;
      const tableGradient = gradients.table ?? gradients.offset('embedding');
      // The next pass may set its own before these are read.
      tokens.array().set(this.#tokens.array());
      const scatter = { gradient: offset, tokens: tokens.offset, tableGradient, vocab, dim, columns: this.#columns };
      const add = () =>
        Promise.all([
          // A tied table already has the classifier's part.
          tiedHead ? null : queue.zero(arena, tableGradient, 4 * vocab * dim),
          queue.embedBackward(arena, scatter),
          gradients.finishTable('embedding'),
        ]);
      this.#hold(add, after);
    }
    this.#turn = this.#turns[(this.#turns.indexOf(this.#turn) + 1) % this.#turns.length]!;
  }

  /** The final RMSNorm of x, fp32 [dim, columns], which loss and logits start from. */
  async normalize(x: Tensor<'fp32'>): Promise<void> {
    await this.#settle('finalNorm');
    const turn = this.#turn;
    if (this.#weightGradients?.has(turn)) {
      await this.#stopwatch.wait('hostThreads', this.#weightGradients.settle(turn));
    }
    const { eps, dim } = this.#state.config;
    const columns = this.#columns;
    this.#stopwatch.work.did('norms');
    this.#stopwatch.time('hostMath', () => {
      addon.math.residualNorm(x.arena, {
        x: x.offset,
        weight: this.#state.parameter('finalNorm'),
        out: this.#turn.normed.offset,
        outType: 'fp32',
        outStride: columns,
        eps,
        dim,
        columns,
      });
    });
  }

  /** Sum of −log p(target) over the first `targets.length` columns, without ignored targets (−1). */
  async crossEntropy(targets: ArrayLike<number>): Promise<number> {
    this.#writeIds(this.#targets, targets, IGNORED_TARGET);
    if (this.#classifier !== null) {
      await this.#settle('head');
      this.#targets.array().fill(IGNORED_TARGET, targets.length);
      return await this.#classifier.loss(this.#classifierPass(0));
    }
    return await this.#lossOf(this.#state.parameter('head'), this.#state.config.vocab, targets.length);
  }

  /** As `crossEntropy`, over the classes of a compact vocabulary (`own`) and over all ids of the whole one. */
  async wholeCrossEntropy(targets: ArrayLike<number>): Promise<{ readonly own: number; readonly whole: number }> {
    this.#writeIds(this.#targets, targets, IGNORED_TARGET);
    const own = await this.#lossOf(this.#state.parameter('head'), this.#state.config.vocab, targets.length);
    const { compact } = this.#state;
    const rest = compact?.unusedHead;
    if (rest === undefined || rest.elements === 0) return { own, whole: own };
    const columns = targets.length;
    const classes = this.#logSumExp!.array().slice(0, columns);
    // Of the other ids only the sum of their exponentials counts, whatever the target.
    const ids = this.#targets.array();
    for (let index = 0; index < columns; index++) if (ids[index] !== IGNORED_TARGET) ids[index] = 0;
    await this.#lossOf(rest.offset, rest.shape[0]!, columns);
    const others = this.#logSumExp!.array();
    let more = 0;
    for (let index = 0; index < columns; index++) {
      if (ids[index] !== IGNORED_TARGET) more += softplus(others[index]! - classes[index]!);
    }
    return { own, whole: own + more };
  }

  async #lossOf(table: number, vocab: number, columns: number): Promise<number> {
    await this.#settle('head');
    return await this.#stopwatch.wait(
      'hostMath',
      queue.crossEntropy(this.#turn.normed.arena, {
        x: this.#firstColumns(columns).offset,
        table,
        targets: this.#targets.offset,
        ...(this.#logSumExp && { logSumExp: this.#logSumExp.offset }),
        vocab,
        dim: this.#state.config.dim,
        columns,
        precision: this.#precision,
      }),
    );
  }

  /**
   * Returns what `crossEntropy` does, for a target (or −1) in every column. Writes `gradientScale` times its gradient to `gradient`, that
   * of x, and to those of classifier and norm.
   *
   * @param x The input of `normalize`.
   */
  async lossBackward(
    targets: ArrayLike<number>,
    x: Tensor<'fp32'>,
    gradientScale: number,
    gradients: PassGradients,
  ): Promise<number> {
    const { vocab, dim, eps, tiedHead } = this.#state.config;
    const { arena } = x;
    const gradient = this.#turn.gradient!;
    const normedGradient = this.#normedGradient!.offset;
    const isTrained = this.#state.isTrained('head');
    const columns = this.#columns;
    this.#writeIds(this.#targets, targets, IGNORED_TARGET);
    await this.#settle('head');
    // Of a table of its own, a pass needs no more than the rows that it read: an error of the others comes here.
    await this.#settle('embedding');
    const { work } = this.#stopwatch;
    const classifier = this.#classifier;
    work.did('losses');
    work.did('classifierProducts', (classifier === null ? 2 : 0) + (isTrained ? 1 : 0));
    work.did('norms');
    const table = isTrained ? (gradients.table ?? gradients.offset('head')) : null;
    const norm = {
      x: x.offset,
      xType: 'fp32',
      xStride: columns,
      weight: this.#state.parameter('finalNorm'),
      dOut: normedGradient,
      dOutType: 'fp32',
      dOutStride: columns,
      dx: gradient.offset,
      dWeight: this.#unused?.offset ?? gradients.offset('finalNorm'),
      overwrite: gradients.overwrite,
      eps,
      dim,
      columns,
    } as const;
    let loss: number;
    if (classifier !== null) {
      loss = await this.#onDevice(classifier, gradientScale, table);
      // What everything waits for does not wait in the queue, where the table's gradient is.
      this.#stopwatch.time('hostMath', () => {
        addon.math.zero(arena, gradient.offset, gradient.bytes);
        addon.math.normBackward(arena, norm);
      });
    } else {
      const results = Promise.all([
        queue.crossEntropy(arena, {
          x: this.#turn.normed.offset,
          table: this.#state.parameter('head'),
          targets: this.#targets.offset,
          vocab,
          dim,
          columns,
          dx: normedGradient,
          ...(table !== null && { dTable: table }),
          gradientScale,
          precision: this.#precision,
        }),
        queue.zero(arena, gradient.offset, gradient.bytes),
        queue.normBackward(arena, norm),
      ]);
      [loss] = await this.#stopwatch.wait('hostMath', results);
    }
    // A tied table is complete only with the embedding's part, that of a classifier on the device with what is held back.
    if (isTrained && !tiedHead && (classifier === null || this.#inFlight > 1)) gradients.finishTable('head');
    if (this.#unused === null) gradients.finish('finalNorm');
    return loss;
  }

  /** @param table Where the gradient of the classifier's table goes; null where it is frozen. */
  async #onDevice(classifier: DeviceClassifier, gradientScale: number, table: number | null): Promise<number> {
    const pass = this.#classifierPass(gradientScale);
    return await classifier.lossBackward(pass, this.#normedGradient!, () => {
      // In parts, so that sums and conversions come between them.
      if (table !== null) for (const part of classifier.tableGradient(pass, table)) this.#hold(part);
    });
  }

  #classifierPass(gradientScale: number): ClassifierPass {
    const { normed, logits } = this.#turn;
    return { x: normed, targets: this.#targets, logits: logits!, gradientScale };
  }

  /** Holds back gradients of tables that are made of this turn's tensors. */
  #hold(queue: () => Promise<unknown>, after: Promise<unknown> | null = null): void {
    // The losses of passes in flight make and take tables in the order of the queue.
    if (this.#inFlight > 1) this.#weightGradients!.add(this.#turn, queue());
    else this.#weightGradients!.hold(this.#turn, TABLES_RANK, queue, after);
  }

  /** Logits of the token after column `column`; the next call writes the same array. */
  async logits(column: number): Promise<Float32Array> {
    const { vocab, dim } = this.#state.config;
    await this.#settle('head');
    await this.#stopwatch.wait(
      'hostMath',
      queue.logits(this.#turn.normed.arena, {
        x: this.#turn.normed.offset,
        column,
        columns: this.#columns,
        table: this.#state.parameter('head'),
        out: this.#logits.offset,
        vocab,
        dim,
      }),
    );
    return this.#logits.array();
  }

  /** Waits until a part is updated. A tied head is the embedding. */
  async #settle(part: UpdatedPart): Promise<void> {
    const own = part === 'head' && this.#state.config.tiedHead ? 'embedding' : part;
    if (this.#updates.has(own)) await this.#stopwatch.wait('hostMath', this.#updates.settle(own));
  }

  #firstColumns(columns: number): Tensor<'fp32'> {
    const { normed } = this.#turn;
    if (columns === this.#columns) return normed;
    addon.math.copyRows(normed.arena, {
      from: normed.offset,
      fromStride: 4 * this.#columns,
      to: this.#part.offset,
      toStride: 4 * columns,
      rows: this.#state.config.dim,
      rowBytes: 4 * columns,
    });
    return this.#part;
  }

  /** Writes ids from `least` on and fills the rest with 0. An id outside the vocabulary would read beyond the embedding. */
  #writeIds(to: Tensor<'int32'>, ids: ArrayLike<number>, least = 0): void {
    const { vocab } = this.#state.wholeConfig;
    const vocabulary = this.#state.compact?.vocabulary;
    const array = to.array();
    if (ids.length > array.length) {
      throw new MayflyError('ERR_SHAPE', `Expected at most ${array.length} token ids, got ${ids.length}`);
    }
    for (let index = 0; index < ids.length; index++) {
      const id = ids[index]!;
      if (!(Number.isInteger(id) && id >= least && id < vocab)) {
        throw new MayflyError(
          'ERR_TOKEN_RANGE',
          `Expected token ids from ${least} to ${vocab - 1}, got ${id} at position ${index}`,
        );
      }
      array[index] = vocabulary === undefined || id < 0 ? id : vocabulary.expect(id);
    }
    array.fill(0, ids.length);
  }
}

/** log(1 + exp(x)). */
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
