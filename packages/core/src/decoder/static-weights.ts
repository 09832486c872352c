import { addon } from '@mayfly/native';
import { BACKWARD_RING } from '../chips/step-schedule.js';
import type { Tensor } from '../memory/tensor.js';
import { kernelName } from '../programs/layer.js';
import type { Surface } from '../programs/shape.js';
import { type StaticBlock, staticBlocks } from '../programs/static.js';
import { givenSurfaces, LayerBlock, type Passes } from './layer-block.js';
import type { WeightSlot } from './optimizer.js';
import { ProgramWeights } from './program-weights.js';
import { SurfaceRing, SurfaceTensor } from './surface.js';
import { type KernelCompiler, TimedKernel } from './timed-kernel.js';
import { groupOf, type NormInput, type StrategyOptions, type WeightStrategy } from './weight-strategy.js';

/** A program and its weight files, which no other block shares. */
interface Program {
  readonly source: StaticBlock['forward'][number];
  readonly weights: ProgramWeights;
}

/**
 * Weights are constants of the programs: each block has its own, and an update compiles them anew. RMSNorm and the residual
 * sum are part of the forward programs, whose last output starts with the next one's input: activations are copied on the way up only to
 * programs that read matrices of the host beside them.
 */
export class StaticWeights implements WeightStrategy {
  readonly blocks: readonly LayerBlock[];
  readonly output: Tensor<'fp32'>;
  readonly #options: StrategyOptions;
  readonly #programs: ReadonlyMap<LayerBlock, Passes<Program>>;
  /** Has the programs and their kernels; null where these are its own. */
  readonly #like: StaticWeights | null;
  #loaded: Promise<void> | null = null;

  constructor(options: StrategyOptions) {
    const { source, state, shape, form, places, holdsBack, input, stopwatch, inFlight } = options;
    const definitions = [...new Set(places.map(({ definition }) => definition))];
    const written = new Map(
      definitions.flatMap((each) => staticBlocks(each, shape, form)).map((each) => [each.block, each]),
    );
    const surfaces = new SurfaceRing(source);
    const ring = holdsBack ? Number.POSITIVE_INFINITY : BACKWARD_RING;
    this.#options = options;
    this.#like = (options.like as StaticWeights | undefined) ?? null;
    this.output = state.training ? source.tensor('fp32', input.shape) : input;
    // A kernel that passes in flight share keeps one copy of its input.
    const keepsInput = inFlight === 1;
    let x = source.tensor('fp16', [1, shape.dim, 1, shape.batch * shape.sequence]);
    let before: LayerBlock | undefined;
    this.blocks = places.map((place) => {
      const { definition, block, flow, needsBackward } = place;
      const { forward, backward } = written.get(block)!;
      // A program must not read its own output.
      const shared = definition.blocks.length === 1 ? 2 : 1;
      const kept = needsBackward ? Number.POSITIVE_INFINITY : shared;
      const isInPlace = !forward[0]!.reads.some((name) => name in flow.given);
      const first = (layout: Surface) =>
        isInPlace ? new SurfaceTensor(layout, x, before?.output) : surfaces.next(layout, kept);
      const made = new LayerBlock(
        place,
        {
          forward: forward.map(({ input, output, reads }, index) => ({
            input: index === 0 ? first(input) : surfaces.next(input, 1),
            output: surfaces.next(output, kept),
            reads,
            keepsInput,
          })),
          backward: (needsBackward ? backward : []).map(({ input, output, reads }) => ({
            input: surfaces.next(input, ring),
            output: surfaces.next(output, ring),
            reads,
            keepsInput,
          })),
        },
        stopwatch,
        givenSurfaces(place, forward, source),
        isInPlace ? undefined : before?.output.slot('sum'),
      );
      before = made;
      x = made.output.tensor.at(0, x.shape);
      return made;
    });
    const program = (each: Program['source']): Program => ({
      source: each,
      weights: new ProgramWeights(source, each.program),
    });
    this.#programs = new Map(
      (this.#like === null ? this.blocks : []).map((block) => {
        const { forward, backward } = written.get(block.place.block)!;
        return [
          block,
          { forward: forward.map(program), backward: block.place.needsBackward ? backward.map(program) : [] },
        ];
      }),
    );
  }

  get kernels(): number {
    return [...this.#programs.values()].reduce(
      (sum, { forward, backward }) => sum + forward.length + backward.length,
      0,
    );
  }

  load(compiler: KernelCompiler): Promise<void> {
    this.#loaded = this.#like === null ? this.#compile(compiler) : this.#share(this.#like, compiler);
    return this.#loaded;
  }

  /** Takes the kernels of `like`, once it has them. */
  async #share(like: StaticWeights, { gathersInputs = false }: KernelCompiler): Promise<void> {
    await like.#loaded;
    for (const [index, block] of this.blocks.entries()) block.load(like.blocks[index]!.kernels, gathersInputs);
  }

  async #compile(compiler: KernelCompiler): Promise<void> {
    const compile = (block: LayerBlock, direction: keyof Passes<Program>, programs: readonly Program[]) =>
      Promise.all(
        programs.map(async (program) => {
          const { source, weights } = program;
          weights.initialize(source.constants);
          await this.#writeWeights(block, program);
          const name = kernelName(block.key, direction, source);
          const group = groupOf(block.place.layer, this.#options, compiler);
          const kernel = await compiler.compile({ name, text: source.program.text, weights: weights.sources, group });
          return new TimedKernel(kernel, this.#options.stopwatch);
        }),
      );
    await Promise.all(
      [...this.#programs].map(async ([block, { forward, backward }]) => {
        const [up, down] = await Promise.all([
          compile(block, 'forward', forward),
          compile(block, 'backward', backward),
        ]);
        block.load({ forward: up, backward: down }, compiler.gathersInputs ?? false);
      }),
    );
  }

  async forward(onBlock: (block: LayerBlock) => void): Promise<void> {
    const { input, stopwatch, settle } = this.#options;
    const [rows, columns] = input.shape as [number, number];
    const bottom = this.blocks[0]!.input.slot('x');
    stopwatch.time('hostMath', () => {
      const { offset: to, stride: toStride } = bottom;
      addon.math.toHalf(input.arena, { from: input.offset, fromStride: columns, to, toStride, rows, columns });
      stopwatch.work.did('convertedElements', rows * columns);
    });
    for (const block of this.blocks) {
      await settle(block);
      // The next program reads the output in place.
      await block.forward();
      onBlock(block);
    }
    const top = this.blocks.at(-1)!.output.slot('sum');
    stopwatch.time('hostMath', () => {
      const { offset: from, stride: fromStride } = top;
      addon.math.toFloat(input.arena, { from, fromStride, to: this.output.offset, toStride: columns, rows, columns });
      stopwatch.work.did('convertedElements', rows * columns);
    });
  }

  normInput(index: number): NormInput {
    const { offset, stride } = this.blocks[index]!.input.slot('x');
    return { x: offset, xType: 'fp16', xStride: stride };
  }

  /** None: a program's constants have another layout. */
  weightSlots(): ReadonlyMap<string, WeightSlot> {
    return new Map();
  }

  async restage(layer: number, updated: Promise<unknown>): Promise<void> {
    const restaged = [...this.#programs].flatMap(([block, { forward, backward }]) => {
      if (block.place.layer !== layer) return [];
      const kernels = [...block.kernels.forward, ...block.kernels.backward];
      return [...forward, ...backward].map(async (program, index) => {
        // A program between projections has no constants that an update changes.
        if (program.source.weights.length === 0) return;
        // Nothing compiles with the constants before any more: the gradients of the update come from runs with them.
        await kernels[index]!.update(Promise.all([updated, this.#writeWeights(block, program)]));
      });
    });
    await Promise.all([updated, ...restaged]);
  }

  async dispose(): Promise<void> {
    const own = this.#like === null ? this.blocks : [];
    await Promise.all(
      own.flatMap(({ kernels: { forward, backward } }) => [...forward, ...backward].map((kernel) => kernel.dispose())),
    );
  }

  #writeWeights({ place: { layer } }: LayerBlock, { source, weights }: Program): Promise<unknown> {
    const { elements, written } = weights.write(this.#options.state, layer, source.weights);
    this.#options.stopwatch.work.did('convertedElements', elements);
    return written;
  }
}
