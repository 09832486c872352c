import { addon } from '@mayfly/native';
import type { TensorSource } from '../memory/arena-scope.js';
import type { Tensor } from '../memory/tensor.js';
import { type ForwardPass, writeIds } from './forward-pass.js';
import type { GradientSums, PassGradients } from './gradient-sums.js';
import type { Stopwatch } from './stopwatch.js';

/** The way back from the loss to every parameter's gradient. */
export class BackwardPass {
  readonly #forward: ForwardPass;
  readonly #sums: GradientSums;
  readonly #stopwatch: Stopwatch;
  /** Gradient of the final RMSNorm's output, fp32 [dim, columns]. */
  readonly #normedGradient: Tensor<'fp32'>;
  /** Gradient of the residual stream, fp32 [dim, columns]. */
  readonly #gradient: Tensor<'fp32'>;

  constructor(source: TensorSource, forward: ForwardPass, sums: GradientSums, stopwatch: Stopwatch) {
    const { columns, shape } = forward.stack;
    this.#forward = forward;
    this.#sums = sums;
    this.#stopwatch = stopwatch;
    this.#normedGradient = source.tensor('fp32', [shape.dim, columns]);
    this.#gradient = source.tensor('fp32', [shape.dim, columns]);
  }

  /**
   * Must follow the forward pass of the same tokens, with a target for every column. Gives pass `pass` of its step, from 0,
   * `gradientScale` times the gradient of the summed cross-entropy. Returns that sum, unscaled. Weight gradients may still
   * be under way afterwards.
   */
  async run(targets: ArrayLike<number>, gradientScale: number, pass = 0): Promise<number> {
    const gradients = this.#sums.pass(pass);
    const loss = this.#head(targets, gradientScale, gradients);
    await this.#forward.stack.backward(this.#gradient, gradients);
    this.#embedding(gradients);
    return loss;
  }

  #head(targets: ArrayLike<number>, gradientScale: number, gradients: PassGradients): number {
    const { stack, normed, targets: ids } = this.#forward;
    const { state, columns, output, precision } = stack;
    const { vocab, dim, eps } = state.config;
    writeIds(ids, targets, vocab);
    return this.#stopwatch.time('hostMath', () => {
      const loss = addon.math.crossEntropy(normed.arena, {
        x: normed.offset,
        table: state.parameter('head'),
        targets: ids.offset,
        vocab,
        dim,
        columns,
        dx: this.#normedGradient.offset,
        dTable: gradients.table ?? gradients.offset('head'),
        gradientScale,
        precision,
      });
      addon.math.zero(normed.arena, this.#gradient.offset, this.#gradient.bytes);
      addon.math.normBackward(normed.arena, {
        x: output.offset,
        xType: 'fp32',
        xStride: columns,
        weight: state.parameter('finalNorm'),
        dOut: this.#normedGradient.offset,
        dOutType: 'fp32',
        dOutStride: columns,
        dx: this.#gradient.offset,
        dWeight: gradients.offset('finalNorm'),
        overwrite: gradients.overwrite,
        eps,
        dim,
        columns,
      });
      // A tied table is complete only with the embedding's part.
      if (!state.config.tiedHead) this.#addTable(gradients, 'head');
      return loss;
    });
  }

  #embedding(gradients: PassGradients): void {
    const { stack, tokens } = this.#forward;
    const { state, columns } = stack;
    const { vocab, dim, tiedHead } = state.config;
    this.#stopwatch.time('hostMath', () => {
      const tableGradient = gradients.table ?? gradients.offset('embedding');
      const gradient = this.#gradient.offset;
      // A tied table already has the classifier's part.
      if (!tiedHead) addon.math.zero(tokens.arena, tableGradient, 4 * vocab * dim);
      addon.math.embedBackward(tokens.arena, { gradient, tokens: tokens.offset, tableGradient, vocab, dim, columns });
      this.#addTable(gradients, 'embedding');
    });
  }

  #addTable({ table, offset }: PassGradients, name: 'head' | 'embedding'): void {
    const { arena } = this.#gradient;
    const { vocab, dim } = this.#forward.stack.state.config;
    if (table !== null) addon.math.add(arena, table, offset(name), vocab * dim);
  }
}
