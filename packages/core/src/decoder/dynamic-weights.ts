import { addon } from '@mayfly/native';
import { BACKWARD_RING } from '../chips/step-schedule.js';
import type { Tensor } from '../memory/tensor.js';
import { adapterBlocks, type DynamicBlock, dynamicBlocks } from '../programs/dynamic.js';
import { kernelName } from '../programs/layer.js';
import type { Surface } from '../programs/shape.js';
import {
  type BlockPlace,
  blockKey,
  givenSurfaces,
  LayerBlock,
  type Passes,
  type StageSurfaces,
} from './layer-block.js';
import type { WeightSlot } from './optimizer.js';
import { ProgramWeights } from './program-weights.js';
import { rowsOf, SurfaceRing, type SurfaceTensor } from './surface.js';
import { type KernelCompiler, TimedKernel } from './timed-kernel.js';
import { groupOf, type NormInput, type StrategyOptions, type WeightStrategy } from './weight-strategy.js';

interface Program {
  readonly source: DynamicBlock['forward'][number];
  readonly weights: ProgramWeights;
}

/** Programs with one set of constants, which serve a block or all blocks of a kind. */
interface Programs extends Passes<Program> {
  /** What their kernels are named after. */
  readonly name: string;
  /** The layer whose parameters are constants; null where none are. */
  readonly layer: number | null;
}

/**
 * Weights are part of the kernels' input, and an update writes memory. The programs of a kind of block serve all layers; with adapters
 * each block has its own, whose constants are the weights that never change. The residual stream (fp32) and RMSNorm are host math.
 */
export class DynamicWeights implements WeightStrategy {
  readonly blocks: readonly LayerBlock[];
  readonly #options: StrategyOptions;
  /** Residual stream before each block and after the last; the same memory where the backward pass needs only the last. */
  readonly #residuals: readonly Tensor<'fp32'>[];
  readonly #programs: ReadonlyMap<BlockPlace, Programs>;
  /** Has the weights and, where each block has its own, the kernels; null where these are its own. */
  readonly #like: DynamicWeights | null;
  readonly #isShared: boolean;
  /** The kernels of each, once `load` is called. */
  #compiled: Promise<ReadonlyMap<Programs, Passes<TimedKernel>>> | null = null;

  constructor(options: StrategyOptions) {
    const { source, shape, form, places, recompute, holdsBack, weights, input, stopwatch } = options;
    const isShared = weights === 'dynamic';
    const like = (options.like as DynamicWeights | undefined) ?? null;
    this.#like = like;
    this.#isShared = isShared;
    const program = (each: Program['source']): Program => ({
      source: each,
      weights: new ProgramWeights(source, each.program),
    });
    const definitions = like === null ? [...new Set(places.map(({ definition }) => definition))] : [];
    this.#options = options;
    const write = isShared ? dynamicBlocks : adapterBlocks;
    const written = definitions.flatMap((definition) => write(definition, shape, form));
    const own: ReadonlyMap<BlockPlace, Programs> = new Map(
      written.flatMap(({ block, forward, backward }) => {
        const served = places.filter((place) => place.block === block);
        const programs = (name: string, layer: number | null, users: readonly BlockPlace[]): Programs => ({
          ...{ name, layer, forward: forward.map(program) },
          backward: users.some(({ needsBackward }) => needsBackward) ? backward.map(program) : [],
        });
        const shared = isShared ? programs(block.name, null, served) : null;
        return served.map((place) => [place, shared ?? programs(blockKey(place), place.layer, [place])] as const);
      }),
    );
    this.#programs = like === null ? own : like.#programs;
    const residuals = [input];
    for (const { needsBackward } of places) {
      residuals.push(needsBackward ? source.tensor('fp32', input.shape) : residuals.at(-1)!);
    }
    this.#residuals = residuals;
    const surfaces = new SurfaceRing(source);
    const ring = holdsBack ? Number.POSITIVE_INFINITY : BACKWARD_RING;
    this.blocks = places.map((place) => {
      const { needsBackward } = place;
      const { forward, backward } = this.#programs.get(place)!;
      const kept = needsBackward ? Number.POSITIVE_INFINITY : 1;
      // Weight gradients read one while the programs of the next block run again.
      const keptOutput = needsBackward && recompute ? BACKWARD_RING : kept;
      const inputs = new Map<Surface, SurfaceTensor>();
      // Programs with one layout share the surface. Where it holds weights it is the block's own.
      const stage = (
        { source: { input: layout, output, weights, reads } }: Program,
        most: readonly [number, number],
      ) => {
        const own = weights.length > 0 ? Number.POSITIVE_INFINITY : most[0];
        const input = inputs.get(layout) ?? surfaces.next(layout, own);
        inputs.set(layout, input);
        return { input, output: surfaces.next(output, most[1]), reads, keepsInput: weights.length > 0 };
      };
      return new LayerBlock(
        place,
        {
          forward: forward.map((each, index) => stage(each, [index === 0 ? kept : 1, keptOutput])),
          backward: (needsBackward ? backward : []).map((each) => stage(each, [ring, ring])),
        },
        stopwatch,
        givenSurfaces(
          place,
          forward.map((each) => each.source),
          source,
        ),
      );
    });
  }

  get output(): Tensor<'fp32'> {
    return this.#residuals.at(-1)!;
  }

  get kernels(): number {
    if (!this.#ownsKernels) return 0;
    return [...new Set(this.#programs.values())].reduce(
      (sum, { forward, backward }) => sum + forward.length + backward.length,
      0,
    );
  }

  async load(compiler: KernelCompiler): Promise<void> {
    if (this.#like === null) this.#initialize();
    this.#compiled = this.#ownsKernels ? this.#compile(compiler) : this.#like!.#compiled!;
    const [kernels] = await Promise.all([this.#compiled, this.rewrite()]);
    const { gathersInputs = false } = compiler;
    for (const block of this.blocks) block.load(kernels.get(this.#programs.get(block.place)!)!, gathersInputs);
    for (const block of this.blocks) block.prefetchWeights();
  }

  /** Writes the constants that never change, before any pass in flight compiles with them. */
  #initialize(): void {
    for (const { forward, backward } of new Set(this.#programs.values())) {
      for (const { source, weights } of [...forward, ...backward]) weights.initialize(source.constants);
    }
  }

  /** Of programs that serve all blocks, each pass in flight has kernels. */
  get #ownsKernels(): boolean {
    return this.#like === null || this.#isShared;
  }

  async #compile(compiler: KernelCompiler): Promise<ReadonlyMap<Programs, Passes<TimedKernel>>> {
    const { stopwatch, state, inFlight, runner } = this.#options;
    const compile = async ({ name: block, layer, ...passes }: Programs, direction: keyof Passes<Program>) => {
      const kernels: TimedKernel[] = [];
      for (const { source, weights } of passes[direction]) {
        if (layer !== null) await weights.write(state, layer, source.constantWeights).written;
        const name = kernelName(block, direction, source);
        const own = layer === null ? undefined : groupOf(layer, this.#options, compiler);
        const group = layer === null && inFlight > 1 ? `pass-${runner}` : own;
        const kernel = await compiler.compile({ name, text: source.program.text, weights: weights.sources, group });
        kernels.push(new TimedKernel(kernel, stopwatch));
      }
      return kernels;
    };
    const compiled = await Promise.all(
      [...new Set(this.#programs.values())].map(async (programs) => {
        const forward = await compile(programs, 'forward');
        return [programs, { forward, backward: await compile(programs, 'backward') }] as const;
      }),
    );
    return new Map(compiled);
  }

  /** Writes the weights that are part of the input. */
  async rewrite(): Promise<void> {
    await Promise.all(this.blocks.map((block) => this.#writeWeights(block)));
    this.#rewritten(this.blocks);
  }

  async forward(onBlock: (block: LayerBlock) => void, leads: boolean): Promise<void> {
    await this.#residualNorm(0);
    for (const [index, block] of this.blocks.entries()) {
      // The blocks below share the memory of their outputs.
      await block.forward(leads && block.place.needsBackward);
      onBlock(block);
      await this.#residualNorm(index + 1);
    }
  }

  normInput(index: number): NormInput {
    const { offset, shape } = this.#residuals[index]!;
    return { x: offset, xType: 'fp32', xStride: shape[1]! };
  }

  weightSlots(layer: number): ReadonlyMap<string, WeightSlot> {
    // Of several places the first, which a map would take last.
    return new Map(this.#blocksOf(layer).flatMap((block) => this.#slotsOf(block).toReversed()));
  }

  async restage(layer: number, updated: Promise<unknown>): Promise<void> {
    const blocks = this.#blocksOf(layer);
    await Promise.all([updated, ...blocks.flatMap((block) => this.#copyWeights(block))]);
    this.#rewritten(blocks);
  }

  async dispose(): Promise<void> {
    if (!this.#ownsKernels) return;
    // What did not compile has nothing to unload.
    const compiled = (await this.#compiled?.catch(() => null)) ?? new Map<Programs, Passes<TimedKernel>>();
    const kernels = [...compiled.values()].flatMap(({ forward, backward }) => [...forward, ...backward]);
    await Promise.all(kernels.map((kernel) => kernel.dispose()));
  }

  #blocksOf(layer: number): LayerBlock[] {
    return this.blocks.filter(({ place }) => place.layer === layer);
  }

  /** The places of a block's weights; a parameter has several where several surfaces hold it. */
  #slotsOf(block: LayerBlock): [string, WeightSlot][] {
    return this.#packed(block).flatMap(({ input, source }) =>
      source.weights.map(({ parameter, transposed, slot }): [string, WeightSlot] => [
        parameter,
        { transposed, ...input.matrix(slot) },
      ]),
    );
  }

  /** The surfaces of a block that hold weights, once each. */
  #packed({ place, surfaces }: LayerBlock): { readonly input: SurfaceTensor; readonly source: Program['source'] }[] {
    const { forward, backward } = this.#programs.get(place)!;
    const placed = (stages: readonly StageSurfaces[], programs: readonly Program[]) =>
      stages.map(({ input }, index) => [input, programs[index]!.source] as const);
    const each = new Map([...placed(surfaces.forward, forward), ...placed(surfaces.backward, backward)]);
    return [...each].map(([input, source]) => ({ input, source })).filter(({ source }) => source.weights.length > 0);
  }

  /** Queues copies of the weights that have several places, from the first to the others. An update writes those of the first pass in flight. */
  #copyWeights(block: LayerBlock): Promise<void>[] {
    const { arena } = block.input.tensor;
    const slots = this.#slotsOf(block);
    const written = this.#like?.blocks[this.blocks.indexOf(block)];
    const first = new Map((written === undefined ? slots : this.#slotsOf(written)).toReversed());
    return slots
      .filter(([parameter, slot]) => first.get(parameter) !== slot)
      .map(([parameter, slot]) => {
        this.#options.stopwatch.work.did('copiedBytes', 2 * slot.rows * slot.columns);
        return addon.mathQueue.copyRows(arena, rowsOf(first.get(parameter)!, slot));
      });
  }

  /** The weights in the surfaces are new. */
  #rewritten(blocks: readonly LayerBlock[]): void {
    for (const { input, source } of blocks.flatMap((block) => this.#packed(block))) {
      input.rewrittenFrom(source.activationColumns);
    }
    for (const block of blocks) block.prefetchWeights();
  }

  async #writeWeights(block: LayerBlock): Promise<void> {
    const { state } = this.#options;
    const { arena } = state.parameters;
    const { layer } = block.place;
    const writes = this.#slotsOf(block).map(([parameter, { offset: to, stride: toStride, transposed }]) => {
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
    const addend = before?.output.slot('y');
    const out = block?.input.slot('xn');
    // Without a next block there is nothing to normalize for; the weight is then not used.
    const { place } = block ?? before!;
    const sum = this.#residuals[index]!;
    if (out !== undefined) stopwatch.work.did('norms');
    stopwatch.time('hostMath', () => {
      addon.math.residualNorm(sum.arena, {
        x: this.#residuals[Math.max(0, index - 1)]!.offset,
        weight: state.parameter(place.block.norm, place.layer),
        eps: shape.eps,
        dim: shape.dim,
        columns: sum.shape[1]!,
        ...(addend && { addend: addend.offset, addendStride: addend.stride, sum: sum.offset }),
        ...(out && { out: out.offset, outType: 'fp16' as const, outStride: out.stride }),
      });
    });
  }
}
