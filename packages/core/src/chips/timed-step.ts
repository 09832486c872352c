import type { ModelConfig } from '../model/config.js';
import type { StepWork } from './step-work.js';

/**
 * What computes the host's matrix products: Mayfly's own loops, or Accelerate, which only `blas` calls.
 */
export type HostProducts = 'exact' | 'fast' | 'blas';

/** The parts of a step in milliseconds, as far as nothing hides them. */
export interface StepParts {
  /** Evaluations on the engine. */
  readonly kernels: number;
  /** Between arena and surfaces, with locking them. */
  readonly copies: number;
  /** Products of the classifier on the host. */
  readonly classifier: number;
  /** Norms and residual sums, embedding, cross-entropy but for its products, saved tensors, conversions, sums of passes. */
  readonly hostMath: number;
  /** Weight gradients on host threads, as far as kernels do not hide them. */
  readonly weightGradients: number;
  /** The gradient's norm and AdamW, with the fp16 weights that it writes. */
  readonly update: number;
  /** The way of dispatches and answers between processes. */
  readonly waits: number;
  /** With their loading; of reloaded weights, the loading alone. */
  readonly compilations: number;
}

/** Work of kernels in one pass. */
export interface KernelWork {
  /** Milliseconds that the engine takes, by its clock. */
  readonly evaluationsMs: number;
  /** Bytes that workers copy between arena and surfaces, but for weights after an update. */
  readonly copiedBytes: number;
  readonly dispatches: number;
}

/** A block of a layer, as shares of the layer. */
export interface TimedBlock {
  /** Of the time of forward kernels. */
  readonly forward: number;
  /** Of the time of backward kernels. */
  readonly kernels: number;
  /** Of the elements of trained matrices. */
  readonly matrices: number;
  /** Of kernels that make the weight gradients of all layers in a pass; undefined where the host does. */
  readonly gradients?: KernelWork | undefined;
}

/** A step as counts of work, which constants of a chip turn into time. */
export interface TimedStep {
  readonly config: ModelConfig;
  readonly counts: StepWork;
  readonly products: HostProducts;
  /** Tokens of a pass. */
  readonly columns: number;
  readonly accumulate: number;
  /** Whether norms run on the host forward, too. */
  readonly normsForward: boolean;
  /** Trained parameters of an update; 0 where there is none. */
  readonly parameters: number;
  /** Elements of a layer's trained matrices. */
  readonly matrices: number;
  /** Blocks of a layer in the order of the backward pass. */
  readonly blocks: readonly TimedBlock[];
  /** Whether AdamW writes fp16 copies of matrices in passing. */
  readonly writesHalf: boolean;
  /** Of all layers. */
  readonly forward: KernelWork;
  readonly backward: KernelWork;
  /** Of a classifier on the device. */
  readonly onDevice?: KernelWork | undefined;
  /** Of updated weights and saved tensors, bytes that the step waits for while workers copy them into surfaces. */
  readonly stagedBytes: number;
  readonly compilationsMs: number;
  /** Whether an update goes on while the next step begins. */
  readonly overlaps: boolean;
  /** Whether the weight gradients of a pass are held back until the next pass needs the memory that they read. */
  readonly holdsBack: boolean;
  /** Passes that run at the same time. */
  readonly inFlight: number;
  /** Processes that run kernels. */
  readonly workers: number;
  /** Whether these passes share kernels, so that each worker has a share of the layers, rather than whole passes. */
  readonly sharesKernels: boolean;
}
