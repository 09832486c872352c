import type { Block, BlockFlow, LayerDefinition } from '../programs/layer-graph.js';
import type { Matrix, SurfaceTensor } from './surface.js';
import type { TimedKernel } from './timed-kernel.js';

/** One block of the model, before it has memory. */
export interface BlockPlace {
  readonly layer: number;
  readonly definition: LayerDefinition;
  readonly block: Block;
  readonly flow: BlockFlow;
  /** True if the backward pass reaches the block: the outputs of its forward program must stay until then. */
  readonly needsBackward: boolean;
  /** Its parameters are updated. */
  readonly isTrained: boolean;
}

/** Surfaces of a block. Backward surfaces are absent where the backward pass does not reach it. */
export interface BlockSurfaces {
  readonly forwardInput: SurfaceTensor;
  readonly forwardOutput: SurfaceTensor;
  readonly backwardInput: SurfaceTensor | null;
  readonly backwardOutput: SurfaceTensor | null;
}

export interface BlockKernels {
  readonly forward: TimedKernel;
  readonly backward: TimedKernel | null;
}

/** One block of one layer: where its activations lie, and the kernels that run it. */
export class LayerBlock {
  #kernels: BlockKernels | null = null;

  constructor(
    readonly place: BlockPlace,
    readonly surfaces: BlockSurfaces,
  ) {}

  /** Identifies the block, e.g. `layer-3.attention`. */
  get key(): string {
    return `layer-${this.place.layer}.${this.place.block.name}`;
  }

  /** Its kernels; only after `load`. */
  get kernels(): BlockKernels {
    return this.#kernels!;
  }

  load(kernels: BlockKernels): void {
    this.#kernels = kernels;
  }

  forward(): Promise<void> {
    return this.kernels.forward.run(this.surfaces.forwardInput, this.surfaces.forwardOutput);
  }

  /** Sends the evaluation and hands back the wait for it. */
  startBackward(): Promise<() => Promise<void>> {
    return this.kernels.backward!.start(this.surfaces.backwardInput!, this.surfaces.backwardOutput!);
  }

  /** The matrix that a slot names, wherever the block's surfaces hold it. */
  matrix(name: string): Matrix {
    const surface = this.surfaceOf(name);
    if (surface === undefined) throw new RangeError(`Expected a slot of ${this.key}, got ${name}`);
    return surface.slot(name);
  }

  surfaceOf(name: string): SurfaceTensor | undefined {
    return this.#surfaces.find((each) => each?.has(name)) ?? undefined;
  }

  /** Names of the matrices that its passes leave in memory. */
  get values(): string[] {
    const { flow, needsBackward } = this.place;
    const names = ['xn', 'y', ...flow.kept, ...(needsBackward ? ['dy', ...flow.gradients] : [])];
    return [...new Set(names)].filter((name) => this.surfaceOf(name) !== undefined);
  }

  get #surfaces(): readonly (SurfaceTensor | null)[] {
    const { forwardInput, forwardOutput, backwardInput, backwardOutput } = this.surfaces;
    return [backwardInput, backwardOutput, forwardOutput, forwardInput];
  }
}
