import { setImmediate } from 'node:timers/promises';
import { addon } from '@mayfly/native';
import type { Tensor } from '../memory/tensor.js';
import type { LayerParameter } from '../model/parameters.js';
import type { Surface } from '../programs/program-shape.js';
import { staticPrograms } from '../programs/static-programs.js';
import { halfWirings, LayerHalf } from './layer-half.js';
import { BACKWARD_RING, LayerStack, type LayerStackOptions, type NormInput, perLayer } from './layer-stack.js';
import type { HalfPlace } from './optimizer.js';
import { ProgramWeights } from './program-weights.js';
import { type KernelCompiler, StackKernel } from './stack-kernel.js';
import { SurfaceTensor } from './surface.js';

/**
 * Layers whose weights are constants of their programs: four programs per layer, and an update compiles them anew. RMSNorm
 * and the residual sums are part of the forward programs, whose output starts with the next one's input: activations are
 * never copied on the way up.
 */
export class StaticStack extends LayerStack {
  readonly input: Tensor<'fp32'>;
  readonly output: Tensor<'fp32'>;
  protected readonly halves: readonly LayerHalf[];
  readonly #programs: readonly { readonly forward: Program; readonly backward: Program | null }[];

  constructor(options: LayerStackOptions) {
    super(options);
    const { source, state, shape, form } = options;
    const { training, config } = state;
    const { layers } = config;
    const kernels = staticPrograms(shape, form);
    const kinds = [
      { forward: kernels.attentionForward, backward: kernels.attentionBackward },
      { forward: kernels.feedForwardForward, backward: kernels.feedForwardBackward },
    ];
    const program = (kernel: StaticKernel): Program => ({
      kernel,
      weights: new ProgramWeights(source, kernel.program),
    });
    const surface = (layout: Surface<string>) => () => SurfaceTensor.allocate(source, layout);
    const kept = training ? Number.POSITIVE_INFINITY : 1;

    this.input = source.tensor('fp32', [shape.dim, this.columns]);
    this.output = training ? source.tensor('fp32', [shape.dim, this.columns]) : this.input;
    const surfaces = kinds.map(({ forward, backward }) => ({
      outputs: perLayer(layers, kept, surface(forward.output)),
      inputGradients: training ? perLayer(layers, BACKWARD_RING, surface(backward.input)) : [],
      outputGradients: training ? perLayer(layers, BACKWARD_RING, surface(backward.output)) : [],
    }));
    let x = source.tensor('fp16', [1, shape.dim, 1, this.columns]);
    this.halves = Array.from({ length: 2 * layers }, (_, index) => {
      const layer = index >> 1;
      const { outputs, inputGradients, outputGradients } = surfaces[index & 1]!;
      const half = new LayerHalf(layer, halfWirings[index & 1]!, {
        forwardInput: new SurfaceTensor(kinds[index & 1]!.forward.input, x),
        forwardOutput: outputs[layer]!,
        backwardInput: inputGradients[layer] ?? null,
        backwardOutput: outputGradients[layer] ?? null,
      });
      x = outputs[layer]!.tensor.at(0, x.shape);
      return half;
    });
    this.#programs = this.halves.map((_, index) => {
      const { forward, backward } = kinds[index & 1]!;
      return { forward: program(forward), backward: training ? program(backward) : null };
    });
  }

  async load(compiler: KernelCompiler): Promise<void> {
    const compile = async (index: number, direction: string, { kernel, weights }: Program) => {
      weights.initialize(kernel.constants);
      this.#writeWeights(index, { kernel, weights });
      const name = `${this.halves[index]!.key}.${direction}`;
      const { text } = kernel.program;
      return new StackKernel(await compiler.compile({ name, text, weights: weights.sources }), this.stopwatch);
    };
    this.kernels = await Promise.all(
      this.#programs.map(async ({ forward, backward }, index) => {
        const [up, down] = await Promise.all([
          compile(index, 'forward', forward),
          backward && compile(index, 'backward', backward),
        ]);
        return { forward: up, backward: down };
      }),
    );
  }

  async forward(onHalf?: (half: LayerHalf) => void): Promise<void> {
    const { arena } = this.input;
    const { dim: rows } = this.shape;
    const { columns } = this;
    const bottom = this.halves[0]!.surfaces.forwardInput.slot('x');
    this.stopwatch.time('hostMath', () => {
      const { offset: to, stride: toStride } = bottom;
      addon.math.toHalf(arena, { from: this.input.offset, fromStride: columns, to, toStride, rows, columns });
    });
    for (const [index, { forward }] of this.kernels.entries()) {
      await this.settle(index);
      const { forwardInput, forwardOutput } = this.halves[index]!.surfaces;
      await forward.run(forwardInput, forwardOutput);
      onHalf?.(this.halves[index]!);
    }
    const top = this.halves.at(-1)!.surfaces.forwardOutput.slot('sum');
    this.stopwatch.time('hostMath', () => {
      const { offset: from, stride: fromStride } = top;
      addon.math.toFloat(arena, { from, fromStride, to: this.output.offset, toStride: columns, rows, columns });
    });
  }

  /** None: a program's constants may only be written once it has been compiled with those before. */
  halfPlaces(): ReadonlyMap<LayerParameter, HalfPlace> {
    return new Map();
  }

  async refreshWeights(layer: number): Promise<void> {
    for (const index of [2 * layer, 2 * layer + 1]) {
      const { forward, backward } = this.#programs[index]!;
      const kernels = this.kernels[index]!;
      await kernels.forward.updated();
      this.#writeWeights(index, forward);
      kernels.forward.update();
      if (backward === null) continue;
      await kernels.backward!.updated();
      this.#writeWeights(index, backward);
      kernels.backward!.update();
    }
    // The requests leave before the caller blocks this thread with the next layer.
    await setImmediate();
  }

  async dispose(): Promise<void> {
    await Promise.all(this.kernels.flatMap(({ forward, backward }) => [forward.dispose(), backward?.dispose()]));
  }

  protected normInput(index: number): NormInput {
    const { offset, stride } = this.halves[index]!.surfaces.forwardInput.slot('x');
    return { x: offset, xType: 'fp16', xStride: stride };
  }

  #writeWeights(index: number, { kernel, weights }: Program): void {
    const { layer } = this.halves[index]!;
    for (const weight of kernel.weights) {
      const [rows, columns] = this.state.layout.entry(weight.parameter, layer).shape;
      addon.math.toHalf(this.input.arena, {
        from: this.state.parameter(weight.parameter, layer),
        fromStride: columns,
        to: weights.offset(weight),
        toStride: weight.transposed ? rows : columns,
        rows,
        columns,
        transpose: weight.transposed,
      });
    }
  }
}

type StaticKernel = ReturnType<typeof staticPrograms>[
  | 'attentionForward'
  | 'attentionBackward'
  | 'feedForwardForward'
  | 'feedForwardBackward'];

interface Program {
  readonly kernel: StaticKernel;
  readonly weights: ProgramWeights;
}
