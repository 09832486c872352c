import { addon } from '@mayfly/native';
import type { TensorSource } from '../memory/arena-scope.js';
import type { Tensor } from '../memory/tensor.js';
import { type ForwardPass, writeIds } from './forward-pass.js';
import type { Stopwatch } from './stopwatch.js';

/** The way back from the loss to every parameter's gradient. */
export class BackwardPass {
  readonly #forward: ForwardPass;
  readonly #stopwatch: Stopwatch;
  /** Gradient of the final RMSNorm's output, fp32 [dim, columns]. */
  readonly #normedGradient: Tensor<'fp32'>;
  /** Gradient of the residual stream, fp32 [dim, columns]. */
  readonly #gradient: Tensor<'fp32'>;

  constructor(source: TensorSource, forward: ForwardPass, stopwatch: Stopwatch) {
    const { columns, shape } = forward.stack;
    this.#forward = forward;
    this.#stopwatch = stopwatch;
    this.#normedGradient = source.tensor('fp32', [shape.dim, columns]);
    this.#gradient = source.tensor('fp32', [shape.dim, columns]);
  }

  /**
   * Must follow the forward pass of the same tokens, with a target for every column. The gradients become `gradientScale`
   * times the gradient of the summed cross-entropy, or with `accumulate` that is added to them. Returns that sum, unscaled.
   * Weight gradients may still be under way afterwards.
   */
  async run(targets: ArrayLike<number>, gradientScale: number, accumulate = false): Promise<number> {
    const loss = this.#head(targets, gradientScale, !accumulate);
    await this.#forward.stack.backward(this.#gradient, !accumulate);
    this.#embedding(!accumulate);
    return loss;
  }

  #head(targets: ArrayLike<number>, gradientScale: number, overwrite: boolean): number {
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
        dTable: state.gradient('head'),
        overwrite,
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
        dWeight: state.gradient('finalNorm'),
        overwrite,
        eps,
        dim,
        columns,
      });
      return loss;
    });
  }

  #embedding(overwrite: boolean): void {
    const { stack, tokens } = this.#forward;
    const { state, columns } = stack;
    const { vocab, dim, tiedHead } = state.config;
    this.#stopwatch.time('hostMath', () => {
      const tableGradient = state.gradient('embedding');
      const gradient = this.#gradient.offset;
      // A tied table already has the classifier's part.
      if (overwrite && !tiedHead) addon.math.zero(tokens.arena, tableGradient, 4 * vocab * dim);
      addon.math.embedBackward(tokens.arena, { gradient, tokens: tokens.offset, tableGradient, vocab, dim, columns });
    });
  }
}
