import type { ChipProfile } from '@mayfly/native';
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

/** Milliseconds of the kernels of one pass. */
export interface KernelTimes {
  readonly evaluations: number;
  /** Of activations, with locking surfaces. */
  readonly copies: number;
}

/** Times of one step's kernels, and what the host computes beside them. */
export interface TimedStep {
  readonly config: ModelConfig;
  readonly profile: ChipProfile;
  readonly counts: StepWork;
  readonly products: HostProducts;
  /** Tokens of a pass. */
  readonly columns: number;
  readonly accumulate: number;
  /** Whether norms run on the host forward, too. */
  readonly normsForward: boolean;
  /** Trained parameters of an update; 0 where there is none. */
  readonly parameters: number;
  /** Of those, elements of a layer's matrices. */
  readonly matrices: number;
  /** Whether AdamW writes fp16 copies of matrices in passing. */
  readonly writesHalf: boolean;
  /** Milliseconds of the kernels of a pass with what workers copy for them, while host threads are free. */
  readonly forward: KernelTimes;
  readonly backward: KernelTimes;
  /** Of copying updated weights into surfaces. */
  readonly stagingMs: number;
  readonly compilationsMs: number;
  /** Of a classifier on the device, for a pass. */
  readonly onDevice?: { readonly kernelsMs: number; readonly copiesMs: number } | undefined;
}

/** Share of the weight gradients that kernels do not hide even where they take longer (SLA, FSP, MAD). */
const EXPOSED = 0.25;
/** Bytes of a norm's element with the residual sum beside it: reads fp32 and fp16, writes fp32 and fp16; backward fp32 twice, and both types once more. */
export const NORM_BYTES = { forward: 12, backward: 16 } as const;
/** Bytes of a logit in cross-entropy on one core: 13 ms for 8.2 million on M3 Ultra (MAD PR 28). */
export const LOGIT_BYTES = 64;
/** Cores that share cross-entropy where it is parallel. */
export const PARALLEL_CORES = 10;
/** Bytes of an element of the residual stream in embedding, final norm and their gradients. */
const END_BYTES = 40;
/** A conversion between fp32 and fp16. */
const CONVERSION_BYTES = 6;
/** Of parameters and gradients, which all cores stream as AdamW does: a sum of squares, adding to another gradient, adding one more on the way, an fp16 copy, AdamW itself. */
const STREAM_BYTES = { square: 4, add: 12, fold: 4, half: 2, adamw: 28 } as const;

/** Gflop/s of the host's products. */
export const gemmRate = ({ host }: ChipProfile, products: HostProducts): number =>
  products === 'blas' ? host.gemmGflops.value : host.ownGemmGflops.value;

/** The time of a step: counts of work by the constants of a chip. */
export function timeStep(step: TimedStep): StepParts {
  const { config, counts, profile, accumulate, columns, parameters, matrices, forward, backward } = step;
  const { layers, dim, vocab } = config;
  const { host } = profile;
  const gemmMs = (flops: number) => flops / (gemmRate(profile, step.products) * 1e6);
  const moveMs = (bytes: number) => bytes / (host.elementwiseGBps.value * 1e6);
  const streamMs = (bytes: number) => bytes / (STREAM_BYTES.adamw * host.adamwPerUs.value * 1e3);
  const activation = dim * columns;
  const normBytes = (step.normsForward ? NORM_BYTES.forward : 0) + NORM_BYTES.backward;
  const pass = moveMs(
    activation * (2 * layers * normBytes + END_BYTES) + (LOGIT_BYTES / PARALLEL_CORES) * vocab * columns,
  );
  const { copiedBytes, convertedElements, addedElements, foldedElements } = counts.host;
  // On one queue of the host, whose last tasks of a pass go on while the next pass begins.
  const { onDevice } = step;
  const tables = gemmMs((2 * counts.host.classifierProducts * vocab * activation) / accumulate);
  const queued = layers * gemmMs(2 * matrices * columns) + (onDevice ? tables : 0);
  const behind = (...hidden: readonly KernelTimes[]) =>
    Math.max(EXPOSED * queued, queued - hidden.reduce((sum, each) => sum + each.evaluations + each.copies, 0));
  const norms = parameters === 0 ? 0 : streamMs(STREAM_BYTES.square * parameters);
  const written = parameters + (step.writesHalf ? (STREAM_BYTES.half / STREAM_BYTES.adamw) * matrices * layers : 0);
  const adamw = parameters === 0 ? 0 : streamMs(STREAM_BYTES.adamw * written);
  return {
    kernels: accumulate * (forward.evaluations + backward.evaluations + (onDevice?.kernelsMs ?? 0)),
    copies: accumulate * (forward.copies + backward.copies + (onDevice?.copiesMs ?? 0)) + step.stagingMs,
    // What a classifier on the device leaves the host is among conversions, sums and weight gradients.
    classifier: onDevice ? 0 : accumulate * tables,
    hostMath:
      accumulate * pass +
      moveMs(2 * copiedBytes + CONVERSION_BYTES * convertedElements) +
      streamMs(STREAM_BYTES.add * addedElements + STREAM_BYTES.fold * foldedElements),
    weightGradients: (accumulate - 1) * behind(forward, backward) + behind(backward),
    update: norms + exposedUpdate(adamw, step),
    waits: (counts.waits.kernels * host.roundTripUs.value) / 1000,
    compilations: step.compilationsMs,
  };
}

/**
 * What the next forward pass does not hide of AdamW: the embedding is updated first, then each layer, which runs as soon as it is. Where an
 * update compiles, nothing is hidden.
 */
function exposedUpdate(adamw: number, { config, forward, parameters, writesHalf }: TimedStep): number {
  if (parameters === 0 || !writesHalf) return adamw;
  const { layers, vocab, dim, tiedHead } = config;
  // Adapters are those of layers alone.
  const table = vocab * dim > parameters ? 0 : (vocab * dim) / parameters;
  const inLayers = Math.max(0, 1 - (tiedHead ? 1 : 2) * table);
  const layer = (forward.evaluations + forward.copies) / layers;
  let end = table * adamw;
  for (let index = 1; index <= layers; index++) {
    end = Math.max(end, (table + (inLayers * index) / layers) * adamw) + layer;
  }
  return Math.max(end, adamw) - layers * layer;
}

/**
 * The time of a step that the chip's processor computes alone: the kernels' arithmetic and activations as host math, and the host's
 * part without anything that hides it.
 *
 * @param flops Of all kernels of a pass.
 * @param activationBytes Of the matrices that these read and make.
 */
export function timeOnProcessor(
  step: TimedStep,
  parts: StepParts,
  { flops, activationBytes }: { readonly flops: number; readonly activationBytes: number },
): number {
  const { profile, accumulate, config, matrices, columns } = step;
  const gemmMs = (operations: number) => operations / (gemmRate(profile, step.products) * 1e6);
  const moveMs = (bytes: number) => bytes / (profile.host.elementwiseGBps.value * 1e6);
  const kernels = gemmMs(flops + 2 * config.layers * matrices * columns) + moveMs(activationBytes);
  const { parameters } = step;
  const update = parameters / profile.host.adamwPerUs.value / 1000;
  // On the device it leaves the host the product toward its table alone.
  const products = step.counts.host.classifierProducts + (step.onDevice ? 2 * accumulate : 0);
  const classifier = gemmMs(2 * products * config.vocab * config.dim * columns);
  return accumulate * kernels + classifier + parts.hostMath + update;
}
