import { addon, MayflyError } from '@mayfly/native';
import type { TensorSource } from '../memory/arena-scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { LayerStack } from './layer-stack.js';
import type { Stopwatch } from './stopwatch.js';

/** A model from token ids to loss or logits: embedding, layers, final RMSNorm, classifier. All but the layers is host math. */
export class ForwardPass {
  readonly stack: LayerStack;
  /** int32 [columns]: window after window. */
  readonly tokens: Tensor<'int32'>;
  readonly targets: Tensor<'int32'>;
  /** Output of the final RMSNorm, fp32 [dim, columns]. */
  readonly normed: Tensor<'fp32'>;
  readonly #logits: Tensor<'fp32'>;
  /** The columns that count, where not all do. */
  readonly #part: Tensor<'fp32'>;
  readonly #stopwatch: Stopwatch;

  constructor(source: TensorSource, stack: LayerStack, stopwatch: Stopwatch) {
    const { columns, shape, state } = stack;
    this.stack = stack;
    this.#stopwatch = stopwatch;
    this.tokens = source.tensor('int32', [columns]);
    this.targets = source.tensor('int32', [columns]);
    this.normed = source.tensor('fp32', [shape.dim, columns]);
    this.#part = source.tensor('fp32', [shape.dim, columns]);
    this.#logits = source.tensor('fp32', [state.config.vocab]);
  }

  /** Computes `normed` for at most `columns` token ids; missing ones count as 0, which causal attention keeps from those before. */
  async run(tokens: ArrayLike<number>): Promise<void> {
    const { stack } = this;
    const { config } = stack.state;
    writeIds(this.tokens, tokens, config.vocab);
    const { columns } = stack;
    const { dim, eps } = config;
    this.#embed();
    await stack.forward();
    this.#stopwatch.time('hostMath', () => {
      addon.math.residualNorm(this.tokens.arena, {
        x: stack.output.offset,
        weight: stack.state.parameter('finalNorm'),
        out: this.normed.offset,
        outType: 'fp32',
        outStride: columns,
        eps,
        dim,
        columns,
      });
    });
  }

  /**
   * Runs the tokens of the last run again to find the first half of a layer that puts out infinities or NaN, e.g.
   * `layer-3.feedForward (gate)`; null where no layer does.
   */
  async findOverflow(): Promise<string | null> {
    let found: string | null = null;
    this.#embed();
    await this.stack.forward((half) => {
      const slot = found === null ? half.surfaces.forwardOutput.overflow() : undefined;
      if (slot !== undefined) found = `${half.key} (${slot})`;
    });
    return found;
  }

  /** Sum of −log p(target) over the first `targets.length` columns of the last run. */
  crossEntropy(targets: ArrayLike<number>): number {
    const { state, precision } = this.stack;
    const { vocab, dim } = state.config;
    const columns = targets.length;
    writeIds(this.targets, targets, vocab);
    return this.#stopwatch.time('hostMath', () => {
      const table = state.parameter('head');
      const x = this.#firstColumns(columns).offset;
      return addon.math.crossEntropy(this.normed.arena, {
        x,
        table,
        targets: this.targets.offset,
        vocab,
        dim,
        columns,
        precision,
      });
    });
  }

  /** Logits of the token after column `column` of the last run; the array is reused by the next call. */
  logits(column: number): Float32Array {
    const { stack } = this;
    const { vocab, dim } = stack.state.config;
    this.#stopwatch.time('hostMath', () => {
      addon.math.logits(this.normed.arena, {
        x: this.normed.offset,
        column,
        columns: stack.columns,
        table: stack.state.parameter('head'),
        out: this.#logits.offset,
        vocab,
        dim,
      });
    });
    return this.#logits.array();
  }

  #embed(): void {
    const { stack, tokens } = this;
    const { dim, vocab } = stack.state.config;
    this.#stopwatch.time('hostMath', () => {
      const table = stack.state.parameter('embedding');
      const out = stack.input.offset;
      addon.math.embed(tokens.arena, { table, tokens: tokens.offset, out, vocab, dim, columns: stack.columns });
    });
  }

  #firstColumns(columns: number): Tensor<'fp32'> {
    const all = this.stack.columns;
    if (columns === all) return this.normed;
    addon.math.copyRows(this.normed.arena, {
      from: this.normed.offset,
      fromStride: 4 * all,
      to: this.#part.offset,
      toStride: 4 * columns,
      rows: this.stack.shape.dim,
      rowBytes: 4 * columns,
    });
    return this.#part;
  }
}

/** Writes token ids and fills the rest with 0. An id outside the vocabulary would read beyond the embedding. */
export function writeIds(to: Tensor<'int32'>, ids: ArrayLike<number>, vocab: number): void {
  const array = to.array();
  if (ids.length > array.length) {
    throw new MayflyError('ERR_SHAPE', `Expected at most ${array.length} token ids, got ${ids.length}`);
  }
  for (let index = 0; index < ids.length; index++) {
    const id = ids[index]!;
    if (!(Number.isInteger(id) && id >= 0 && id < vocab)) {
      throw new MayflyError(
        'ERR_TOKEN_RANGE',
        `Expected token ids from 0 to ${vocab - 1}, got ${id} at position ${index}`,
      );
    }
    array[index] = id;
  }
  array.fill(0, ids.length);
}
