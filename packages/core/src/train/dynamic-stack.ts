import { addon } from '@mayfly/native';
import { dynamicKernels } from '../kernels/dynamic-kernels.js';
import type { PackedWeight } from '../kernels/kernel-shape.js';
import type { Tensor } from '../memory/tensor.js';
import { LayerHalf, halfWirings } from './layer-half.js';
import { BACKWARD_RING, type HalfKernels, LayerStack, type LayerStackOptions, type NormInput } from './layer-stack.js';
import { type KernelCompiler, StackKernel } from './stack-kernel.js';
import { SurfaceTensor } from './surface.js';
import { WeightBlobs } from './weight-blobs.js';

/**
 * Layers whose weights are part of the kernels' input: four programs serve the whole model, and an update writes memory.
 * The residual stream (fp32) and RMSNorm are host math.
 */
export class DynamicStack extends LayerStack {
  protected readonly halves: readonly LayerHalf[];
  /** Residual stream before each half and after the last; one block where the model is not trained. */
  readonly #residuals: readonly Tensor<'fp32'>[];
  readonly #programs: ReturnType<typeof halfPrograms>;

  constructor(options: LayerStackOptions) {
    super(options);
    const { source, state, shape } = options;
    this.#programs = halfPrograms(options);
    const { training } = state;
    const each = <T>(count: number, distinct: number, make: () => T): T[] => {
      const made = Array.from({ length: Math.min(count, distinct) }, make);
      return Array.from({ length: count }, (_, index) => made[index % made.length]!);
    };
    const { layers } = state.config;
    const kept = training ? Number.POSITIVE_INFINITY : 1;
    this.#residuals = each(2 * layers + 1, kept, () => source.tensor('fp32', [shape.dim, this.columns]));
    const surfaces = this.#programs.map(({ forward, backward }) => ({
      packed: each(layers, layers, () => SurfaceTensor.allocate(source, forward.input)),
      outputs: each(layers, kept, () => SurfaceTensor.allocate(source, forward.output)),
      gradients: training ? each(layers, BACKWARD_RING, () => SurfaceTensor.allocate(source, backward.output)) : [],
    }));
    this.halves = Array.from({ length: layers }, (_, layer) =>
      halfWirings.map((wiring, kind) => {
        const { packed, outputs, gradients } = surfaces[kind]!;
        return new LayerHalf(layer, wiring, {
          forwardInput: packed[layer]!,
          forwardOutput: outputs[layer]!,
          backwardInput: training ? packed[layer]! : null,
          backwardOutput: gradients[layer] ?? null,
        });
      }),
    ).flat();
  }
}
