import { addon, type Precision } from '@mayfly/native';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { MilOptions } from '../mil/graph.js';
import type { LayerParameter } from '../model/parameters.js';
import type { ProgramShape } from '../programs/program-shape.js';
import type { PassGradients } from './gradient-sums.js';
import type { LayerHalf } from './layer-half.js';
import type { ModelState } from './model-state.js';
import type { HalfPlace, UpdatedLayers } from './optimizer.js';
import type { KernelCompiler, StackKernel } from './stack-kernel.js';
import type { Stopwatch } from './stopwatch.js';
import { copyMatrix, type Matrix } from './surface.js';
import { type WeightGradients, weightGradient } from './weight-gradients.js';

/** Backward surfaces per kind of half: host threads read one while kernels fill the other. */
export const BACKWARD_RING = 2;

export interface LayerStackOptions {
  /** Where the stack's surfaces and weights come from. */
  readonly source: TensorSource;
  readonly state: ModelState;
  readonly shape: ProgramShape;
  readonly form: MilOptions;
  /** Of host math's matrix products. */
  readonly precision: Precision;
  /** Null where the model is not trained. */
  readonly weightGradients: WeightGradients | null;
  readonly stopwatch: Stopwatch;
}

/** Where the input of a half's RMSNorm is kept. */
export interface NormInput {
  readonly x: number;
  readonly xType: 'fp16' | 'fp32';
  readonly xStride: number;
}

/** `count` things, of which the first `distinct` are made and then repeated in turn. */
export function perLayer<T>(count: number, distinct: number, make: () => T): T[] {
  const made = Array.from({ length: Math.min(count, distinct) }, make);
  return Array.from({ length: count }, (_, index) => made[index % made.length]!);
}

/** The kernels of one half of one layer. */
export interface HalfKernels {
  readonly forward: StackKernel;
  readonly backward: StackKernel | null;
}

/**
 * The decoder's layers as a sequence of halves, each one forward and one backward kernel. `forward` takes the residual stream
 * from `input` to `output`; `backward` takes the gradient of `output` to that of `input` and adds the gradients of the
 * layers' parameters. Static and dynamic weights differ in the forward pass and in how weights reach the kernels.
 */
export abstract class LayerStack implements UpdatedLayers {
  /** Residual stream before the first layer, fp32 [dim, columns]. */
  abstract readonly input: Tensor<'fp32'>;
  /** Residual stream after the last layer, fp32 [dim, columns]; may be the same block. */
  abstract readonly output: Tensor<'fp32'>;

  readonly state: ModelState;
  readonly shape: ProgramShape;
  /** Tokens per forward pass: batch · sequence. */
  readonly columns: number;
  /** Of host math's matrix products. */
  readonly precision: Precision;
  protected readonly stopwatch: Stopwatch;
  protected readonly weightGradients: WeightGradients | null;
  protected kernels: readonly HalfKernels[] = [];
  protected abstract readonly halves: readonly LayerHalf[];

  constructor({ state, shape, precision, weightGradients, stopwatch }: LayerStackOptions) {
    this.state = state;
    this.shape = shape;
    this.columns = shape.batch * shape.sequence;
    this.precision = precision;
    this.weightGradients = weightGradients;
    this.stopwatch = stopwatch;
  }

  /** Writes the weights where kernels read them and compiles the kernels. Once, before anything else. */
  abstract load(compiler: KernelCompiler): Promise<void>;

  /** @param onHalf Called when the outputs of a half are there, in the order of the pass. */
  abstract forward(onHalf?: (half: LayerHalf) => void): Promise<void>;

  abstract halfPlaces(layer: number): ReadonlyMap<LayerParameter, HalfPlace>;

  /** Gives a layer's kernels the parameters as they are now, and those with a `halfPlace` as they are there. */
  abstract refreshWeights(layer: number): Promise<void>;

  abstract dispose(): Promise<void>;

  /** What the RMSNorm of half `index` read in the forward pass. */
  protected abstract normInput(index: number): NormInput;

  /**
   * Turns the gradient of `output`, fp32 [dim, columns], into that of `input` in place. Must follow the `forward` it belongs
   * to. Weight gradients may still be under way afterwards: settle them before they are read.
   */
  async backward(gradient: Tensor<'fp32'>, gradients: PassGradients): Promise<void> {
    const { arena } = gradient;
    const last = this.halves.length - 1;
    await this.#prepareBackward(last);
    const top = this.halves[last]!.matrix('dy');
    this.stopwatch.time('hostMath', () => {
      const { offset: to, stride: toStride, rows, columns } = top;
      addon.math.toHalf(arena, { from: gradient.offset, fromStride: columns, to, toStride, rows, columns });
    });
    for (let index = last; index >= 0; index--) {
      const { backwardInput, backwardOutput } = this.halves[index]!.surfaces;
      const wait = await this.kernels[index]!.backward!.start(backwardInput!, backwardOutput!);
      // The kernel that everything waits for comes first.
      if (index < last) this.#submitWeightGradients(this.halves[index + 1]!, gradients);
      if (index > 0) await this.#prepareBackward(index - 1);
      await wait();
      this.stopwatch.time('hostMath', () => this.#normBackward(index, gradient, gradients));
    }
    this.#submitWeightGradients(this.halves[0]!, gradients);
  }

  /** Waits until half `index` may write what its weight gradients read. */
  protected async settle(index: number): Promise<void> {
    const half = this.halves[index];
    if (half === undefined || this.weightGradients === null) return;
    await this.stopwatch.wait('hostThreads', this.weightGradients.settle(half.key));
  }

  /** Frees the backward surfaces of a half from the layer that used them last, and fills in what was saved for it. */
  async #prepareBackward(index: number): Promise<void> {
    const halvesPerLayer = 2;
    await this.settle(index + BACKWARD_RING * halvesPerLayer);
    const { wiring, surfaces } = this.halves[index]!;
    const { forwardOutput, backwardInput } = surfaces;
    const { arena } = forwardOutput.tensor;
    this.stopwatch.time('hostMath', () => {
      for (const name of wiring.saved) copyMatrix(arena, forwardOutput.slot(name), backwardInput!.slot(name));
    });
  }

  #submitWeightGradients(half: LayerHalf, { offset, overwrite }: PassGradients): void {
    this.stopwatch.time('dispatch', () => {
      const { precision } = this;
      const products = half.wiring.gradients.map(({ parameter, dy, x }) =>
        weightGradient(half.matrix(dy), half.matrix(x), {
          gradient: offset(parameter, half.layer),
          overwrite,
          precision,
        }),
      );
      this.weightGradients!.submit(half.key, products);
    });
  }

  #normBackward(index: number, gradient: Tensor<'fp32'>, { offset, overwrite }: PassGradients): void {
    const half = this.halves[index]!;
    const dOut = half.matrix('dxn');
    const next: Matrix | undefined = this.halves[index - 1]?.matrix('dy');
    addon.math.normBackward(gradient.arena, {
      ...this.normInput(index),
      weight: this.state.parameter(half.wiring.norm, half.layer),
      dOut: dOut.offset,
      dOutType: 'fp16',
      dOutStride: dOut.stride,
      dx: gradient.offset,
      dWeight: offset(half.wiring.norm, half.layer),
      overwrite,
      ...(next === undefined ? {} : { out: next.offset, outStride: next.stride }),
      eps: this.shape.eps,
      dim: this.shape.dim,
      columns: this.columns,
    });
  }
}
