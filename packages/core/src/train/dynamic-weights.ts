import { addon } from '@mayfly/native';
import type { Tensor } from '../memory/tensor.js';
import { type DynamicLayerProgram, dynamicBlocks } from '../programs/dynamic.js';
import type { Block } from '../programs/layer-graph.js';
import { type BlockKernels, LayerBlock } from './layer-block.js';
import type { WeightSlot } from './optimizer.js';
import { ProgramWeights } from './program-weights.js';
import { SurfaceRing } from './surface.js';
import { type KernelCompiler, TimedKernel } from './timed-kernel.js';
import { BACKWARD_RING, type NormInput, type StrategyOptions, type WeightStrategy } from './weight-strategy.js';

interface Program {
  readonly source: DynamicLayerProgram;
  readonly weights: ProgramWeights;
}

/**
 * Weights are part of the kernels' input: two programs for each kind of block serve all layers, and an update writes memory. The
 * residual stream (fp32) and RMSNorm are host math.
 */
export class DynamicWeights implements WeightStrategy {
  readonly blocks: readonly LayerBlock[];
  readonly #options: StrategyOptions;
  /** Residual stream before each block and after the last; the same memory where the backward pass needs only the last. */
  readonly #residuals: readonly Tensor<'fp32'>[];
  readonly #programs: ReadonlyMap<Block, { readonly forward: Program; readonly backward: Program | null }>;
  #kernels: readonly BlockKernels[] = [];

  constructor(options: StrategyOptions) {
    const { source, shape, form, places, input } = options;
    const program = (each: DynamicLayerProgram): Program => ({
      source: each,
      weights: new ProgramWeights(source, each.program),
    });
    const definitions = [...new Set(places.map(({ definition }) => definition))];
    this.#options = options;
    this.#programs = new Map(
      definitions
        .flatMap((definition) => dynamicBlocks(definition, shape, form))
        .map(({ block, forward, backward }) => {
          const needsBackward = places.some((place) => place.block === block && place.needsBackward);
          return [block, { forward: program(forward), backward: needsBackward ? program(backward) : null }];
        }),
    );
    const residuals = [input];
    for (const { needsBackward } of places) {
      residuals.push(needsBackward ? source.tensor('fp32', input.shape) : residuals.at(-1)!);
    }
    this.#residuals = residuals;
    const surfaces = new SurfaceRing(source);
    this.blocks = places.map((place) => {
      const { block, needsBackward } = place;
      const { forward, backward } = this.#programs.get(block)!;
      const packed = surfaces.next(forward.source.input, Number.POSITIVE_INFINITY);
      return new LayerBlock(place, {
        forwardInput: packed,
        forwardOutput: surfaces.next(forward.source.output, needsBackward ? Number.POSITIVE_INFINITY : 1),
        backwardInput: needsBackward ? packed : null,
        backwardOutput: needsBackward ? surfaces.next(backward!.source.output, BACKWARD_RING) : null,
      });
    });
  }

  get output(): Tensor<'fp32'> {
    return this.#residuals.at(-1)!;
  }

  async load(compiler: KernelCompiler): Promise<void> {
    const { stopwatch } = this.#options;
    await Promise.all(this.blocks.map((block) => this.#writeWeights(block)));
    for (const block of this.blocks) this.#rewritten(block);
    const compile = async (name: string, { source, weights }: Program) => {
      weights.initialize(source.constants);
      const { text } = source.program;
      return new TimedKernel(await compiler.compile({ name, text, weights: weights.sources }), stopwatch);
    };
    const compiled = await Promise.all(
      [...this.#programs].map(async ([block, { forward, backward }]) => {
        const running = compile(`${block.name}.forward`, forward);
        const kernels = {
          forward: await running,
          backward: backward && (await compile(`${block.name}.backward`, backward)),
        };
        return [block, kernels] as const;
      }),
    );
    const kernels = new Map(compiled);
    for (const block of this.blocks) block.load(kernels.get(block.place.block)!);
    this.#kernels = [...kernels.values()];
  }

  async forward(onBlock: (block: LayerBlock) => void): Promise<void> {
    await this.#residualNorm(0);
    for (const [index, block] of this.blocks.entries()) {
      await block.forward();
      onBlock(block);
      await this.#residualNorm(index + 1);
    }
  }

  normInput(index: number): NormInput {
    const { offset, shape } = this.#residuals[index]!;
    return { x: offset, xType: 'fp32', xStride: shape[1]! };
  }

  weightSlots(layer: number): ReadonlyMap<string, WeightSlot> {
    return new Map(this.#blocksOf(layer).flatMap((block) => this.#slotsOf(block)));
  }

  refresh(layer: number): Promise<void> {
    for (const block of this.#blocksOf(layer)) this.#rewritten(block);
    return Promise.resolve();
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#kernels.flatMap(({ forward, backward }) => [forward.dispose(), backward?.dispose()]));
  }

  #blocksOf(layer: number): LayerBlock[] {
    return this.blocks.filter(({ place }) => place.layer === layer);
  }

  #slotsOf({ place, surfaces }: LayerBlock): [string, WeightSlot][] {
    return this.#programs
      .get(place.block)!
      .forward.source.weights.map(({ parameter, transposed, slot }) => [
        parameter,
        { ...surfaces.forwardInput.matrix(slot), transposed },
      ]);
  }

  #rewritten({ place, surfaces }: LayerBlock): void {
    surfaces.forwardInput.rewrittenFrom(this.#programs.get(place.block)!.forward.source.activationColumns);
  }

  async #writeWeights(block: LayerBlock): Promise<void> {
    const { state } = this.#options;
    const { arena } = state.parameters;
    const { layer } = block.place;
    const writes = [...this.#slotsOf(block)].map(([parameter, { offset: to, stride: toStride, transposed }]) => {
      const [rows, columns] = state.layout.entry(parameter, layer).shape;
      const from = state.parameter(parameter, layer);
      const matrix = { from, fromStride: columns, to, toStride, rows, columns, transpose: transposed };
      return addon.mathQueue.toHalf(arena, matrix);
    });
    await Promise.all(writes);
  }

  /** Adds the output of the block before `index` to the residual stream and normalizes the sum for block `index`. */
  async #residualNorm(index: number): Promise<void> {
    const { state, shape, stopwatch, settle } = this.#options;
    const before = this.blocks[index - 1];
    const block = this.blocks[index];
    if (block !== undefined) await settle(block);
    const addend = before?.surfaces.forwardOutput.slot('y');
    const out = block?.surfaces.forwardInput.slot('xn');
    // Without a next block there is nothing to normalize for; the weight is then not used.
    const { place } = block ?? before!;
    const sum = this.#residuals[index]!;
    stopwatch.time('hostMath', () => {
      addon.math.residualNorm(sum.arena, {
        x: this.#residuals[Math.max(0, index - 1)]!.offset,
        ...(addend === undefined ? {} : { addend: addend.offset, addendStride: addend.stride, sum: sum.offset }),
        weight: state.parameter(place.block.norm, place.layer),
        ...(out === undefined ? {} : { out: out.offset, outType: 'fp16' as const, outStride: out.stride }),
        eps: shape.eps,
        dim: shape.dim,
        columns: sum.shape[1]!,
      });
    });
  }
}
