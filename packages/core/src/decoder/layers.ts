import { addon, invalidArgument, type Precision } from '@mayfly/native';
import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { ProgramForm } from '../programs/form.js';
import type { ProgramShape } from '../programs/shape.js';
import { blockFlow, variantOf } from '../programs/stages.js';
import { DynamicWeights } from './dynamic-weights.js';
import type { PassGradients } from './gradient-sums.js';
import type { BlockPlace, LayerBlock } from './layer-block.js';
import { LayerGradients } from './layer-gradients.js';
import type { LayerPlan } from './layer-plan.js';
import type { ModelState } from './model-state.js';
import type { UpdatedLayers, UpdatedPart, WeightSlot } from './optimizer.js';
import type { PendingTasks } from './pending-tasks.js';
import { StaticWeights } from './static-weights.js';
import type { Stopwatch } from './stopwatch.js';
import type { Matrix, SurfaceTensor } from './surface.js';
import { Tap } from './tap.js';
import type { KernelCompiler } from './timed-kernel.js';
import type { Turns } from './turns.js';
import type { WeightGradients } from './weight-gradients.js';
import type { NormInput, WeightStrategy } from './weight-strategy.js';

export interface LayersOptions {
  /** Where surfaces and weights come from. */
  readonly source: TensorSource;
  readonly state: ModelState;
  readonly shape: ProgramShape;
  readonly form: ProgramForm;
  /** By layer. */
  readonly plans: readonly LayerPlan[];
  /** Whether the backward pass runs forward programs again instead of keeping their outputs. */
  readonly recompute: boolean;
  /**
   * Whether the weight gradients of a pass that is not the last of its step are held back, until the next one needs the memory that they
   * read. Blocks then share no backward surfaces. Not with `recompute`.
   */
  readonly holdsBack: boolean;
  /** Precision of the host's matrix products. */
  readonly precision: Precision;
  /** Null where the model is not trained. */
  readonly weightGradients: WeightGradients | null;
  /** Updates under way, by part of the model. */
  readonly updates: PendingTasks<UpdatedPart>;
  readonly stopwatch: Stopwatch;
  /** Of the passes of a step in flight. */
  readonly turns: Turns;
  /** The same layers in other memory, for passes in flight beside these: they have the weights and, where each block has its own, the kernels. */
  readonly like?: Layers | undefined;
  /** Passes in flight. Default: 1. */
  readonly inFlight?: number | undefined;
  /** Which of them these layers run, from 0. Default: 0. */
  readonly runner?: number | undefined;
}

/**
 * The decoder's layers as a sequence of blocks, each some kernels a pass. `forward` takes the residual stream
 * from `input` to `output`; `backward` takes the gradient of `output` to that of `input` and makes the gradients of the layers'
 * parameters.
 */
export class Layers implements UpdatedLayers {
  /** Residual stream before the first layer, fp32 [dim, columns]. */
  readonly input: Tensor<'fp32'>;
  /** Residual stream after the last layer, fp32 [dim, columns]; may be the same memory. */
  readonly output: Tensor<'fp32'>;
  readonly shape: ProgramShape;
  /** Tokens per forward pass: batch · sequence. */
  readonly columns: number;
  readonly blocks: readonly LayerBlock[];
  readonly #state: ModelState;
  readonly #recompute: boolean;
  readonly #stopwatch: Stopwatch;
  readonly #weightGradients: WeightGradients | null;
  readonly #updates: PendingTasks<UpdatedPart>;
  readonly #turns: Turns;
  readonly #gradients: LayerGradients;
  /** Each runs the neighbouring layers that have its weights. */
  readonly #strategies: readonly WeightStrategy[];
  readonly #normInputs: readonly (() => NormInput)[];
  /** Takes the norm's gradient of blocks that are not trained. */
  readonly #unused: Tensor<'fp32'> | null;
  readonly #taps = new Map<LayerBlock, { readonly tap: Tap; readonly surface: SurfaceTensor }[]>();

  constructor({ plans, precision, weightGradients, updates, turns, like, ...rest }: LayersOptions) {
    const shared = { inFlight: 1, runner: 0, ...rest };
    const { source, state, shape, stopwatch } = shared;
    this.shape = shape;
    this.columns = shape.batch * shape.sequence;
    this.#state = state;
    this.#recompute = shared.recompute;
    this.#weightGradients = weightGradients;
    this.#updates = updates;
    this.#turns = turns;
    this.#stopwatch = stopwatch;
    this.input = source.tensor('fp32', [shape.dim, this.columns]);
    const places = like?.blocks.map(({ place }) => place) ?? placeBlocks(plans, state, shared.form);
    const strategies: WeightStrategy[] = [];
    let input = this.input;
    for (const [first, end, weights] of runsOf(places, (index) => plans[places[index]!.layer]!.weights)) {
      const Strategy = weights === 'static' ? StaticWeights : DynamicWeights;
      const settle = (block: LayerBlock) => this.#settle(block);
      const own = { places: places.slice(first, end), weights, input, settle };
      const strategy = new Strategy({
        ...shared,
        ...own,
        like: like === undefined ? undefined : like.#strategies[strategies.length],
      });
      strategies.push(strategy);
      input = strategy.output;
    }
    this.output = input;
    this.#strategies = strategies;
    this.blocks = strategies.flatMap(({ blocks }) => blocks);
    this.#normInputs = strategies.flatMap((strategy) =>
      strategy.blocks.map((_, index) => () => strategy.normInput(index)),
    );
    const { blocks } = this;
    this.#gradients = new LayerGradients(source, {
      ...{ ...shared, blocks, precision, turns, tasks: weightGradients },
    });
    const passesFrozen = places.some(
      ({ needsBackward, block, layer }) => needsBackward && !state.isUpdated(block.norm, layer),
    );
    this.#unused = passesFrozen ? source.tensor('fp32', [shape.dim]) : null;
  }

  /** Kernels that `load` compiles. */
  get kernels(): number {
    return this.#strategies.reduce((sum, { kernels }) => sum + kernels, this.#gradients.kernels);
  }

  /** Resolves once all weight gradients of the last pass are queued; null where there is nothing to wait for. */
  get gradientsQueued(): Promise<void> | null {
    return this.#gradients.queued;
  }

  /** Writes the weights where kernels read them and compiles the kernels. Once, before anything else. */
  async load(compiler: KernelCompiler): Promise<void> {
    const loading = this.#strategies.map((strategy) => strategy.load(compiler));
    await Promise.all([...loading, this.#gradients.load(compiler)]);
  }

  /**
   * @param pass Its number within the step. Default 0.
   * @param onBlock Called when the outputs of a block are there, in the order of the pass.
   */
  async forward(pass = 0, onBlock?: (block: LayerBlock) => void): Promise<void> {
    const onOutputs = (block: LayerBlock) => {
      for (const { tap, surface } of this.#taps.get(block) ?? []) if (!tap.isGradient) tap.read(surface, pass);
      onBlock?.(block);
    };
    await this.#gradients.begin();
    // Blocks share the outputs that weight gradients of the pass before may still read.
    const gradients = this.#recompute ? this.#weightGradients : null;
    if (gradients !== null) {
      const read = Promise.all(this.blocks.map((block) => gradients.settle(block)));
      await this.#stopwatch.wait('hostThreads', read);
    }
    // With recomputation blocks share the memory of their outputs.
    const leads = !this.#recompute && this.#taps.size === 0 && onBlock === undefined;
    try {
      for (const strategy of this.#strategies) await strategy.forward(onOutputs, leads);
      for (const block of this.blocks) await block.complete();
    } catch (error) {
      await this.#abandon();
      throw error;
    }
  }

  /** Call when the forward pass has ended, as early as it is known that `backward` will follow: lets devices copy what it reads of that pass. */
  prefetchBackward(): void {
    if (!this.#recompute) for (const block of this.blocks.toReversed()) block.prefetchSaved();
  }

  /**
   * Turns the gradient of `output`, fp32 [dim, columns], into that of `input` in place, or stops below the lowest block that is
   * trained. Must follow the `forward` it belongs to. Weight gradients may still be under way afterwards: settle them before
   * they are read.
   */
  async backward(gradient: Tensor<'fp32'>, gradients: PassGradients): Promise<void> {
    const lowest = this.blocks.findIndex(({ place }) => place.needsBackward);
    if (lowest === -1) return;
    try {
      await this.#runBackward(lowest, gradient, gradients);
    } catch (error) {
      await this.#abandon();
      throw error;
    }
    await this.#gradients.end(gradients);
  }

  /** Waits for kernels whose results nobody wants: nothing may run when the layers are laid out anew. */
  async #abandon(): Promise<void> {
    await Promise.allSettled(this.blocks.map((block) => block.complete()));
    await this.#gradients.abandon();
  }

  async #runBackward(lowest: number, gradient: Tensor<'fp32'>, gradients: PassGradients): Promise<void> {
    const { arena } = gradient;
    const last = this.blocks.length - 1;
    await this.#prepareBackward(last, gradients);
    const top = this.blocks[last]!.matrix('dy');
    this.#stopwatch.time('hostMath', () => {
      const { offset: to, stride: toStride, rows, columns } = top;
      addon.math.toHalf(arena, { from: gradient.offset, fromStride: columns, to, toStride, rows, columns });
      this.#stopwatch.work.did('convertedElements', rows * columns);
    });
    for (let index = last; index >= lowest; index--) {
      const wait = await this.blocks[index]!.startBackward(this.#taps.size === 0);
      await this.blocks[index + 1]?.complete();
      const before = this.#gradients.sent;
      // The kernel that everything waits for comes first.
      if (index < last) await this.#gradients.submit(this.blocks[index + 1]!, gradients);
      if (index > lowest) await this.#prepareBackward(index - 1, gradients);
      await wait();
      // A worker has done these before.
      await this.#gradients.queueSent(Math.max(0, this.#gradients.sent - before), gradients);
      for (const { tap, surface } of this.#taps.get(this.blocks[index]!) ?? []) {
        if (tap.isGradient) tap.read(surface, gradients.index);
      }
      await this.#normBackward(index, gradient, gradients);
    }
    await this.blocks[lowest]!.complete();
    await this.#gradients.submit(this.blocks[lowest]!, gradients);
  }

  /** Writes the weights again that are part of kernels' inputs. */
  async rewrite(): Promise<void> {
    for (const strategy of this.#strategies) if (strategy instanceof DynamicWeights) await strategy.rewrite();
  }

  weightSlots(layer: number): ReadonlyMap<string, WeightSlot> {
    return this.#strategyOf(layer).weightSlots(layer);
  }

  restage(layer: number, updated: Promise<unknown>): Promise<void> {
    return this.#strategyOf(layer).restage(layer, updated);
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#strategies.map((strategy) => strategy.dispose()), this.#gradients.dispose()]);
  }

  /**
   * Reads a value of a layer in every pass from now on.
   *
   * @param name A value, or a block and a value where several blocks have one of that name: `attn`, `feedForward.xn`.
   * @throws `ERR_INVALID_ARGUMENT`, which names the values that the layer has.
   */
  tap(layer: number, name: string): Tap {
    const blocks = this.blocks.filter(({ place }) => place.layer === layer);
    const named = blocks.flatMap((block) =>
      block.values.map((slot) => ({ block, slot, full: `${block.place.block.name}.${slot}` })),
    );
    const found = named.filter(({ slot, full }) => name === slot || name === full);
    if (found.length !== 1) {
      const known = named.map(({ full }) => full).join(', ') || `a layer from 0 to ${this.blocks.at(-1)!.place.layer}`;
      throw invalidArgument('tap', `one of ${known}`, blocks.length === 0 ? layer : name);
    }
    const { block, slot } = found[0]!;
    const tap = new Tap(block, slot, block.surfaceOf(slot)!);
    this.follow(tap);
    return tap;
  }

  /** Lets a tap of the same layers in other memory read here, too. */
  follow(tap: Tap): void {
    const { layer, name, slot } = tap;
    const block = this.blocks.find(({ place }) => place.layer === layer && name === `${place.block.name}.${slot}`)!;
    this.#taps.set(block, [...(this.#taps.get(block) ?? []), { tap, surface: block.surfaceOf(slot)! }]);
  }

  /** @param scale The loss scale that the gradients were computed with. */
  scaleTaps(scale: number): void {
    for (const { tap } of [...this.#taps.values()].flat()) tap.scaledBy(scale);
  }

  #strategyOf(layer: number): WeightStrategy {
    return this.#strategies.find(({ blocks }) => blocks.some(({ place }) => place.layer === layer))!;
  }

  /** Waits until a block may run: until its layer is updated, and its weight gradients have read its surfaces. */
  async #settle(block: LayerBlock): Promise<void> {
    const { layer } = block.place;
    if (this.#updates.has(layer)) await this.#stopwatch.wait('hostMath', this.#updates.settle(layer));
    const gradients = this.#weightGradients;
    if (gradients?.has(block)) await this.#stopwatch.wait('hostThreads', gradients.settle(block));
  }

  /** Waits for the last user of a block's backward surfaces, computes what was not kept of its forward pass, and copies the block's saved tensors into them. */
  async #prepareBackward(index: number, gradients: PassGradients): Promise<void> {
    const block = this.blocks[index]!;
    const before = this.blocks.slice(index + 1).find((each) => each.sharesBackward(block));
    if (before !== undefined) {
      await this.#gradients.leave(before, gradients);
      await this.#settle(before);
    }
    if (this.#recompute) await block.forward();
    block.prepareBackward();
  }

  async #normBackward(index: number, gradient: Tensor<'fp32'>, gradients: PassGradients): Promise<void> {
    const { key, place } = this.blocks[index]!;
    const { block, layer } = place;
    const compute = () => this.#stopwatch.time('hostMath', () => this.#computeNormBackward(index, gradient, gradients));
    if (!this.#state.isUpdated(block.norm, layer)) {
      compute();
      return;
    }
    await this.#turns.take(`${key}.norm`, gradients.index, async () => {
      await gradients.settled(block.norm, layer);
      compute();
    });
  }

  #computeNormBackward(index: number, gradient: Tensor<'fp32'>, { offset, overwrite, finish }: PassGradients): void {
    const here = this.blocks[index]!;
    const { block, layer } = here.place;
    const dOut = here.matrix('dxn');
    const below = this.blocks[index - 1];
    this.#stopwatch.work.did('norms');
    const next: Matrix | undefined = below?.place.needsBackward ? below.matrix('dy') : undefined;
    const isUpdated = this.#state.isUpdated(block.norm, layer);
    addon.math.normBackward(gradient.arena, {
      weight: this.#state.parameter(block.norm, layer),
      dOut: dOut.offset,
      dOutType: 'fp16',
      dOutStride: dOut.stride,
      dx: gradient.offset,
      dWeight: isUpdated ? offset(block.norm, layer) : this.#unused!.offset,
      overwrite,
      eps: this.shape.eps,
      dim: this.shape.dim,
      columns: this.columns,
      ...this.#normInputs[index]!(),
      ...(next && { out: next.offset, outStride: next.stride }),
    });
    if (isUpdated) finish(block.norm, layer);
  }
}

/** The blocks of all layers. The backward pass goes down to the embedding, or to the lowest layer that is trained. */
function placeBlocks(plans: readonly LayerPlan[], state: ModelState, form: ProgramForm): BlockPlace[] {
  const isTrained = (layer: number) => state.isTrained(layer);
  const firstTrained = plans.findIndex((_, layer) => isTrained(layer));
  const lowest = !state.training ? -1 : state.isTrained('embedding') ? 0 : firstTrained;
  return plans.flatMap(({ definition }, layer) =>
    definition.blocks.map((block) => ({
      layer,
      definition,
      block,
      flow: blockFlow(block, variantOf(block, form)),
      needsBackward: lowest !== -1 && layer >= lowest,
      isTrained: isTrained(layer),
    })),
  );
}

/** Runs of neighbours that have the same key. */
function runsOf<Key>(
  items: readonly unknown[],
  keyOf: (index: number) => Key,
): [first: number, end: number, key: Key][] {
  const runs: [number, number, Key][] = [];
  for (const index of items.keys()) {
    const run = runs.at(-1);
    if (run !== undefined && run[2] === keyOf(index)) run[1] = index + 1;
    else runs.push([index, index + 1, keyOf(index)]);
  }
  return runs;
}
