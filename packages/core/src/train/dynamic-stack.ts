import { addon } from '@mayfly/native';
import type { Tensor } from '../memory/tensor.js';
import type { LayerParameter } from '../model/parameters.js';
import { dynamicPrograms } from '../programs/dynamic-programs.js';
import type { Surface } from '../programs/program-shape.js';
import { halfWirings, LayerHalf } from './layer-half.js';
import { BACKWARD_RING, LayerStack, type LayerStackOptions, type NormInput, perLayer } from './layer-stack.js';
import type { HalfPlace } from './optimizer.js';
import { ProgramWeights } from './program-weights.js';
import { type KernelCompiler, StackKernel } from './stack-kernel.js';
import { SurfaceTensor } from './surface.js';

/**
 * Layers whose weights are part of the kernels' input: four programs serve the whole model, and an update writes memory.
 * The residual stream (fp32) and RMSNorm are host math.
 */
export class DynamicStack extends LayerStack {
  protected readonly halves: readonly LayerHalf[];
  /** Residual stream before each half and after the last; one block where the model is not trained. */
  readonly #residuals: readonly Tensor<'fp32'>[];
  readonly #programs: readonly { readonly forward: Program; readonly backward: Program | null }[];

  constructor(options: LayerStackOptions) {
    super(options);
    const { source, state, shape, form } = options;
    const { training, config } = state;
    const { layers } = config;
    const kernels = dynamicPrograms(shape, form);
    const program = (kernel: DynamicKernel): Program => ({
      kernel,
      weights: new ProgramWeights(source, kernel.program),
    });
    const surface = (layout: Surface<string>) => () => SurfaceTensor.allocate(source, layout);
    const kept = training ? Number.POSITIVE_INFINITY : 1;

    this.#residuals = perLayer(2 * layers + 1, kept, () => source.tensor('fp32', [shape.dim, this.columns]));
    this.#programs = [
      { forward: kernels.attentionForward, backward: kernels.attentionBackward },
      { forward: kernels.feedForwardForward, backward: kernels.feedForwardBackward },
    ].map(({ forward, backward }) => ({ forward: program(forward), backward: training ? program(backward) : null }));
    const surfaces = this.#programs.map(({ forward, backward }) => ({
      packed: perLayer(layers, layers, surface(forward.kernel.input)),
      outputs: perLayer(layers, kept, surface(forward.kernel.output)),
      gradients: backward === null ? [] : perLayer(layers, BACKWARD_RING, surface(backward.kernel.output)),
    }));
    this.halves = Array.from({ length: 2 * layers }, (_, index) => {
      const layer = index >> 1;
      const { packed, outputs, gradients } = surfaces[index & 1]!;
      return new LayerHalf(layer, halfWirings[index & 1]!, {
        forwardInput: packed[layer]!,
        forwardOutput: outputs[layer]!,
        backwardInput: training ? packed[layer]! : null,
        backwardOutput: gradients[layer] ?? null,
      });
    });
  }

  get input(): Tensor<'fp32'> {
    return this.#residuals[0]!;
  }

  get output(): Tensor<'fp32'> {
    return this.#residuals.at(-1)!;
  }

  async load(compiler: KernelCompiler): Promise<void> {
    for (let layer = 0; layer < this.state.config.layers; layer++) {
      this.#writeWeights(layer);
      await this.refreshWeights(layer);
    }
    const compile = async (name: string, { kernel, weights }: Program) => {
      weights.initialize(kernel.constants);
      const { text } = kernel.program;
      return new StackKernel(await compiler.compile({ name, text, weights: weights.sources }), this.stopwatch);
    };
    const compiled = await Promise.all(
      this.#programs.map(async ({ forward, backward }, kind) => {
        const { name } = halfWirings[kind]!;
        const running = compile(`${name}.forward`, forward);
        return { forward: await running, backward: backward && (await compile(`${name}.backward`, backward)) };
      }),
    );
    this.kernels = this.halves.map((_, index) => compiled[index & 1]!);
  }

  async forward(onHalf?: (half: LayerHalf) => void): Promise<void> {
    await this.#residualNorm(0);
    for (const [index, { forward }] of this.kernels.entries()) {
      const { forwardInput, forwardOutput } = this.halves[index]!.surfaces;
      await forward.run(forwardInput, forwardOutput);
      onHalf?.(this.halves[index]!);
      await this.#residualNorm(index + 1);
    }
  }

  halfPlaces(layer: number): ReadonlyMap<LayerParameter, HalfPlace> {
    return new Map(
      this.#programs.flatMap(({ forward }, kind) => {
        const { forwardInput } = this.halves[2 * layer + kind]!.surfaces;
        return forward.kernel.weights.map(
          ({ parameter, transposed, slot }) => [parameter, { ...forwardInput.matrix(slot), transposed }] as const,
        );
      }),
    );
  }

  refreshWeights(layer: number): Promise<void> {
    for (const [kind, { forward }] of this.#programs.entries()) {
      this.halves[2 * layer + kind]!.surfaces.forwardInput.rewrittenFrom(forward.kernel.activationColumns);
    }
    return Promise.resolve();
  }

  async dispose(): Promise<void> {
    const kernels = this.kernels.slice(0, halfWirings.length);
    await Promise.all(kernels.flatMap(({ forward, backward }) => [forward.dispose(), backward?.dispose()]));
  }

  protected normInput(index: number): NormInput {
    return { x: this.#residuals[index]!.offset, xType: 'fp32', xStride: this.columns };
  }

  #writeWeights(layer: number): void {
    for (const [parameter, { offset: to, stride: toStride, transposed: transpose }] of this.halfPlaces(layer)) {
      const [rows, columns] = this.state.layout.entry(parameter, layer).shape;
      const from = this.state.parameter(parameter, layer);
      addon.math.toHalf(this.input.arena, { from, fromStride: columns, to, toStride, rows, columns, transpose });
    }
  }

  /** Adds the output of the half before `index` to the residual stream and normalizes the sum for half `index`. */
  async #residualNorm(index: number): Promise<void> {
    await this.settle(index);
    const before = this.halves[index - 1];
    const half = this.halves[index];
    const addend = before?.surfaces.forwardOutput.slot('o');
    const out = half?.surfaces.forwardInput.slot('xn');
    // Without a next half there is nothing to normalize for; the weight is then not used.
    const norm = half ?? this.halves[index - 1]!;
    this.stopwatch.time('hostMath', () => {
      addon.math.residualNorm(this.input.arena, {
        x: this.#residuals[Math.max(0, index - 1)]!.offset,
        ...(addend === undefined
          ? {}
          : { addend: addend.offset, addendStride: addend.stride, sum: this.#residuals[index]!.offset }),
        weight: this.state.parameter(norm.wiring.norm, norm.layer),
        ...(out === undefined ? {} : { out: out.offset, outType: 'fp16' as const, outStride: out.stride }),
        eps: this.shape.eps,
        dim: this.shape.dim,
        columns: this.columns,
      });
    });
  }
}

type DynamicKernel = ReturnType<typeof dynamicPrograms>[
  | 'attentionForward'
  | 'attentionBackward'
  | 'feedForwardForward'
  | 'feedForwardBackward'];

interface Program {
  readonly kernel: DynamicKernel;
  readonly weights: ProgramWeights;
}
