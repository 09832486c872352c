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

/** Work of kernels in one pass. */
export interface KernelWork {
  /** Milliseconds that the engine takes, by its clock. */
  readonly evaluationsMs: number;
  /** Bytes that workers copy between arena and surfaces, but for weights after an update. */
  readonly copiedBytes: number;
  readonly dispatches: number;
}

/** A block of a layer in the backward pass, as shares of the layer. */
export interface TimedBlock {
  /** Of the time of kernels. */
  readonly kernels: number;
  /** Of the elements of trained matrices. */
  readonly matrices: number;
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
}

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

/** Milliseconds that a chip takes for amounts of work. */
function ratesOf({ clock, host }: ChipProfile, products: HostProducts) {
  const gigaflops = products === 'blas' ? host.gemmGflops.value : host.ownGemmGflops.value;
  return {
    /** Matrix products, of so many operations. */
    gemmMs: (flops: number) => flops / (gigaflops * 1e6),
    /** Bytes that one core reads and writes. */
    moveMs: (bytes: number) => bytes / (host.elementwiseGBps.value * 1e6),
    /** Bytes that all cores do, as AdamW. */
    streamMs: (bytes: number) => bytes / (STREAM_BYTES.adamw * host.adamwPerUs.value * 1e3),
    /** Bytes between arena and surfaces. */
    copyMs: (bytes: number) => bytes / (host.copyGBps.value * 1e6),
    /** Locking the two surfaces of each dispatch. */
    lockMs: (dispatches: number) => (dispatches * 2 * clock.lockUs.value) / 1000,
    waitMs: (dispatches: number) => (dispatches * host.roundTripUs.value) / 1000,
  };
}

/** Parts of a pass and of an update, in milliseconds, before anything hides any. */
function partsOf(step: TimedStep, profile: ChipProfile) {
  const { config, counts, accumulate, columns, parameters, matrices, forward, backward, onDevice } = step;
  const { layers, dim, vocab } = config;
  const { gemmMs, moveMs, streamMs, copyMs, lockMs } = ratesOf(profile, step.products);
  const activation = dim * columns;
  const normBytes = (step.normsForward ? NORM_BYTES.forward : 0) + NORM_BYTES.backward;
  const logitBytes = (LOGIT_BYTES / PARALLEL_CORES) * vocab * columns;
  const tables = gemmMs((2 * counts.host.classifierProducts * vocab * activation) / accumulate);
  const copies = (work: KernelWork) => copyMs(work.copiedBytes) + lockMs(work.dispatches);
  const time = (work: KernelWork | undefined) =>
    work === undefined ? { evaluations: 0, copies: 0 } : { evaluations: work.evaluationsMs, copies: copies(work) };
  const written = parameters + (step.writesHalf ? (STREAM_BYTES.half / STREAM_BYTES.adamw) * matrices * layers : 0);
  return {
    forward: time(forward),
    backward: time(backward),
    onDevice: time(onDevice),
    elementwise: moveMs(activation * (2 * layers * normBytes + END_BYTES) + logitBytes),
    tables,
    /** Weight gradients of a layer, on one queue of the host. */
    products: gemmMs(2 * matrices * columns),
    /** On the same queue, where the classifier is on the device: the gradient of its table. */
    queuedTable: onDevice ? tables : 0,
    norm: parameters === 0 ? 0 : streamMs(STREAM_BYTES.square * parameters),
    adamw: parameters === 0 ? 0 : streamMs(STREAM_BYTES.adamw * written),
  };
}

/** The time of a step: counts of work by the constants of a chip. */
export function timeStep(step: TimedStep, profile: ChipProfile): StepParts {
  const { counts, accumulate, onDevice: isOnDevice, overlaps } = step;
  const { streamMs, copyMs, waitMs } = ratesOf(profile, step.products);
  const { forward, backward, onDevice, elementwise, tables, products, queuedTable, norm, adamw } = partsOf(
    step,
    profile,
  );
  const { copiedBytes, convertedElements, addedElements, foldedElements } = counts.host;
  const lastPass = exposedGradients(products, queuedTable, backward, step);
  // The table's gradient comes last, and the next forward pass needs it at its end alone.
  const otherPass = exposedGradients(products, 0, backward, step) + Math.max(0, queuedTable - lengthOf(forward));
  return {
    kernels: accumulate * (forward.evaluations + backward.evaluations + onDevice.evaluations),
    copies: accumulate * (forward.copies + backward.copies + onDevice.copies) + copyMs(step.stagedBytes),
    // What a classifier on the device leaves the host is among conversions, sums and weight gradients.
    classifier: isOnDevice ? 0 : accumulate * tables,
    hostMath:
      accumulate * elementwise +
      streamMs(2 * copiedBytes + CONVERSION_BYTES * convertedElements) +
      streamMs(STREAM_BYTES.add * addedElements + STREAM_BYTES.fold * foldedElements),
    weightGradients: (accumulate - 1) * otherPass + lastPass,
    update: norm + (overlaps ? exposedUpdate(adamw, forward, step) : adamw),
    waits: waitMs(counts.waits.kernels),
    compilations: step.compilationsMs,
  };
}

/** Milliseconds of the kernels of one pass. */
interface KernelTimes {
  readonly evaluations: number;
  readonly copies: number;
}

const lengthOf = ({ evaluations, copies }: KernelTimes): number => evaluations + copies;

/** A block waits for the weight gradients of the same block two layers above, whose surfaces it gets (`BACKWARD_RING`). */
const SURFACES = 2;

/** What the backward pass does not hide of weight gradients. The next forward pass hides nothing: it begins with the layer whose gradients come last. */
const exposedGradients = (products: number, table: number, backward: KernelTimes, step: TimedStep): number =>
  gradientEnds(products, table, backward, step).at(-1)! - lengthOf(backward);

/**
 * When the weight gradients of each block are made, in milliseconds from the begin of the backward pass: those of a block are queued when its
 * kernels have ended, after the gradient of the classifier's table.
 */
function gradientEnds(
  products: number,
  table: number,
  backward: KernelTimes,
  { config: { layers }, blocks }: TimedStep,
): number[] {
  const layer = lengthOf(backward) / layers;
  const ends: number[] = [];
  let kernels = 0;
  let queue = table;
  for (let index = 0; index < layers * blocks.length; index++) {
    const block = blocks[index % blocks.length]!;
    kernels = Math.max(kernels, ends[index - SURFACES * blocks.length] ?? 0) + block.kernels * layer;
    queue = Math.max(queue, kernels) + block.matrices * products;
    ends.push(queue);
  }
  return ends;
}

/** When the gradients of a step's last pass are made, in milliseconds from the begin of its backward pass; its kernels, or the last of them, end it. */
export function lastGradients(step: TimedStep, profile: ChipProfile) {
  const { backward, products, queuedTable } = partsOf(step, profile);
  return { table: queuedTable, blocks: gradientEnds(products, queuedTable, backward, step) };
}

/** Milliseconds that each part of the chip works in a step, if nothing waits for anything: no step is shorter than the longest. */
export interface BusyTimes {
  /** Kernels with their copies, one after the other. */
  readonly engine: number;
  /** All matrix products of the host. */
  readonly products: number;
  /** Norms, loss, conversions, sums of gradients, their norm, AdamW: what reads and writes memory. */
  readonly memory: number;
}

/** The least times of a step by the work that each part of the chip has. */
export function busyTimes(step: TimedStep, profile: ChipProfile): BusyTimes {
  const { kernels, copies, classifier, hostMath } = timeStep(step, profile);
  const { products, queuedTable, norm, adamw } = partsOf(step, profile);
  const queued = step.config.layers * products + queuedTable;
  return {
    engine: kernels + copies,
    products: classifier + step.accumulate * queued,
    memory: hostMath + norm + adamw,
  };
}

/**
 * What the next forward pass does not hide of AdamW: rows of the embedding are updated first, then each layer, which runs as soon as it is, then
 * the tables, which the classifier waits for. Where an update compiles, nothing is hidden.
 */
function exposedUpdate(
  adamw: number,
  forward: KernelTimes,
  { config, parameters, writesHalf, columns }: TimedStep,
): number {
  if (parameters === 0 || !writesHalf) return adamw;
  const { layers, vocab, dim, tiedHead } = config;
  // Adapters are those of layers alone.
  const table = vocab * dim > parameters ? 0 : (vocab * dim) / parameters;
  const inLayers = Math.max(0, 1 - (tiedHead ? 1 : 2) * table);
  const layer = lengthOf(forward) / layers;
  const rows = Math.min(1, columns / vocab) * table;
  let end = rows * adamw;
  for (let index = 1; index <= layers; index++) {
    end = Math.max(end, (rows + (inLayers * index) / layers) * adamw) + layer;
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
  profile: ChipProfile,
  parts: StepParts,
  { flops, activationBytes }: { readonly flops: number; readonly activationBytes: number },
): number {
  const { accumulate, config, matrices, columns, parameters } = step;
  const { gemmMs, moveMs, streamMs } = ratesOf(profile, step.products);
  const kernels = gemmMs(flops + 2 * config.layers * matrices * columns) + moveMs(activationBytes);
  // On the device it leaves the host the product toward its table alone.
  const products = step.counts.host.classifierProducts + (step.onDevice ? 2 * accumulate : 0);
  const classifier = gemmMs(2 * products * config.vocab * config.dim * columns);
  return accumulate * kernels + classifier + parts.hostMath + streamMs(STREAM_BYTES.adamw * parameters);
}
