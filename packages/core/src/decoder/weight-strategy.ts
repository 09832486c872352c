import type { TensorSource } from '../memory/scope.js';
import type { Tensor } from '../memory/tensor.js';
import type { ProgramForm } from '../programs/form.js';
import type { LayerWeights } from '../programs/layer-blocks.js';
import type { ProgramShape } from '../programs/shape.js';
import type { BlockPlace, LayerBlock } from './layer-block.js';
import type { ModelState } from './model-state.js';
import type { WeightSlot } from './optimizer.js';
import type { Stopwatch } from './stopwatch.js';
import type { KernelCompiler } from './timed-kernel.js';

export interface StrategyOptions {
  /** Where surfaces and weights come from. */
  readonly source: TensorSource;
  readonly state: ModelState;
  readonly shape: ProgramShape;
  readonly form: ProgramForm;
  readonly stopwatch: Stopwatch;
  /** The blocks that it runs: neighbours, of whole layers. */
  readonly places: readonly BlockPlace[];
  /** How their weights reach the programs. */
  readonly weights: LayerWeights;
  /** The backward pass runs forward programs again, whose outputs are therefore not kept. */
  readonly recompute: boolean;
  /** Weight gradients are held back while the next pass begins: no two blocks share what these read. */
  readonly holdsBack: boolean;
  /** Residual stream before the first of them, fp32 [dim, columns]. */
  readonly input: Tensor<'fp32'>;
  /** That of the same blocks in other memory, for passes in flight beside these; the first has none. */
  readonly like?: WeightStrategy | undefined;
  /** Passes in flight, and which of them these blocks run, from 0. */
  readonly inFlight: number;
  readonly runner: number;
  /** Waits until a block may run: until its layer is updated, and nothing reads the outputs of its forward programs. */
  readonly settle: (block: LayerBlock) => Promise<void>;
}

/**
 * The group of a layer's own kernels, which passes in flight share: neighbouring layers are on one worker, so that one pass is there while
 * another is elsewhere.
 */
export function groupOf(layer: number, { inFlight, state }: StrategyOptions, { workers = 1 }: KernelCompiler) {
  return inFlight === 1 ? undefined : `layers-${Math.floor((layer * workers) / state.config.layers)}`;
}

/** The input of a block's RMSNorm in the arena. */
export interface NormInput {
  readonly x: number;
  readonly xType: 'fp16' | 'fp32';
  readonly xStride: number;
}

/** All that static and dynamic weights differ in: the forward pass, and how weights reach the kernels. */
export interface WeightStrategy {
  readonly blocks: readonly LayerBlock[];
  /** Kernels that `load` compiles. */
  readonly kernels: number;
  /** Residual stream after the last block, fp32 [dim, columns]; may be the same memory as the one before the first. */
  readonly output: Tensor<'fp32'>;
  /** Writes the weights where kernels read them and compiles every block's kernels. Once, before anything else. */
  load(compiler: KernelCompiler): Promise<void>;
  /**
   * Takes the residual stream from the first block to `output`.
   *
   * @param onBlock Called when the outputs of a block are there.
   * @param leads Whether blocks may leave waits to `complete`, of all that they put out but `y`.
   */
  forward(onBlock: (block: LayerBlock) => void, leads: boolean): Promise<void>;
  /** The input of the RMSNorm of block `index`, as the last forward pass read it. */
  normInput(index: number): NormInput;
  /** Where an update writes a layer's parameters as fp16 in passing; parameters that are missing are not written. */
  weightSlots(layer: number): ReadonlyMap<string, WeightSlot>;
  /** As `UpdatedLayers`. */
  restage(layer: number, updated: Promise<unknown>): Promise<void>;
  dispose(): Promise<void>;
}
