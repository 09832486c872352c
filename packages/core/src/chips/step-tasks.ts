import type { ChipProfile } from '@mayfly/native';
import { TABLE_GRADIENT_ROWS } from '../programs/classifier.js';
import type { HostProducts, KernelWork, TimedBlock, TimedStep } from './timed-step.js';

/** Bytes of a norm's element with the residual sum beside it: reads fp32 and fp16, writes fp32 and fp16; backward fp32 twice, and both types once more. */
export const NORM_BYTES = { forward: 12, backward: 16 } as const;
/** Bytes of a logit in cross-entropy on one core: 13 ms for 8.2 million on M3 Ultra (MAD PR 28). */
export const LOGIT_BYTES = 64;
/** Of cross-entropy, what comes before the loss: largest logits and exponentials. Measured on one core of an AMD Zen 5. */
const EXPONENTIAL_SHARE = 0.6;
/** Cores that share cross-entropy where it is parallel, and norms. */
export const PARALLEL_CORES = 10;
/** Columns of a norm that one core takes: `kNormColumns` of the native loops. */
const NORM_COLUMNS = 64;
/** Bytes of an element of the residual stream in embedding, final norm and their gradients. */
const END_BYTES = 40;
/** A conversion between fp32 and fp16. */
const CONVERSION_BYTES = 6;
/** Of parameters and gradients, which all cores stream as AdamW does: a sum of squares, adding to another gradient, adding one more on the way, an fp16 copy, AdamW itself. */
const STREAM_BYTES = { square: 4, add: 12, fold: 4, half: 2, adamw: 28 } as const;

/** Milliseconds that a chip takes for amounts of work. */
export function ratesOf({ clock, host }: ChipProfile, products: HostProducts) {
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
    /** Until other threads take part in what the main one computes. Assumed: as long as a dispatch and its answer. */
    wakeMs: host.roundTripUs.value / 1000,
  };
}

/**
 * Generations whose engine evaluates one kernel while the dispatch of another is set up. Two at once take 1.24 to 1.30 times less on M4 Pro (NE) and 397 µs become
 * 265 on M5; on M1 1.04 times (GUIDE). Of the others nothing is known.
 */
const SET_UP_BESIDE: ReadonlySet<string> = new Set(['m4', 'm5']);

/** An evaluation in milliseconds: its parts, and how long the engine works in it after how long. */
export interface EvaluationTimes {
  readonly parts: { readonly kernels: number; readonly copies: number; readonly waits: number };
  readonly setUp: number;
  readonly engine: number;
}

/** What each task of a step takes, in milliseconds. */
export function tasksOf(step: TimedStep, profile: ChipProfile) {
  const { config, counts, accumulate, columns, parameters, matrices, forward, backward, onDevice, blocks } = step;
  const { layers, dim, vocab, tiedHead } = config;
  const { gemmMs, moveMs, streamMs, copyMs, lockMs, wakeMs } = ratesOf(profile, step.products);
  const activation = dim * columns;
  const normCores = Math.min(PARALLEL_CORES, Math.ceil(columns / NORM_COLUMNS));
  const normMs = (bytes: number) => {
    const alone = moveMs(bytes * activation);
    return Math.min(alone, Math.max(alone / normCores, streamMs(bytes * activation)) + wakeMs);
  };
  const isOnDevice = onDevice !== undefined;
  const evaluation = ({ evaluationsMs, copiedBytes, dispatches }: KernelWork, share: number): EvaluationTimes => {
    const dispatchMs = (dispatches * profile.clock.dispatchUs.value) / 1000;
    const setUp = SET_UP_BESIDE.has(profile.generation) ? Math.min(evaluationsMs, dispatchMs) * share : 0;
    return {
      parts: {
        kernels: evaluationsMs * share,
        copies: (copyMs(copiedBytes) + lockMs(dispatches)) * share,
        waits: (dispatches * profile.host.roundTripUs.value * share) / 1000,
      },
      setUp,
      engine: evaluationsMs * share - setUp,
    };
  };
  const tables = gemmMs((2 * counts.host.classifierProducts * vocab * activation) / accumulate);
  // Adapters are those of layers alone.
  const table = parameters === 0 || vocab * dim > parameters ? 0 : (vocab * dim) / parameters;
  const inTables = (tiedHead ? 1 : 2) * table;
  const written = parameters + (step.writesHalf ? (STREAM_BYTES.half / STREAM_BYTES.adamw) * matrices * layers : 0);
  const adamw = streamMs(STREAM_BYTES.adamw * written);
  const norm = streamMs(STREAM_BYTES.square * parameters);
  const { copiedBytes, convertedElements, addedElements, foldedElements } = counts.host;
  /** Elements of a pass's weight gradients that the device makes. */
  const made = layers * matrices * blocks.reduce((sum, each) => sum + (each.gradients ? each.matrices : 0), 0);
  const isBeside = step.inFlight > 1 && step.writesHalf;
  const chunks = onDevice === undefined ? 0 : onDevice.dispatches / 2;
  const conversion = (elements: number) => streamMs(CONVERSION_BYTES * elements);
  /** Whether an update changes the table of a classifier on the device. */
  const expires = isOnDevice && table > 0;
  /** Conversions of a classifier on the device: in a pass of its input, of logits and their gradients, of each part of its input's gradient, and once of its table. */
  const ofClassifier = isOnDevice
    ? accumulate * ((1 + chunks) * activation + 2 * vocab * columns) + Number(expires) * vocab * dim
    : 0;
  const partAdditions = Math.max(0, chunks - 1) * activation;
  const sums = streamMs(
    STREAM_BYTES.add * (addedElements - accumulate * partAdditions) + STREAM_BYTES.fold * foldedElements,
  );
  const trainedTables = layers * matrices === 0 ? 0 : (vocab * dim) / (vocab * dim + layers * matrices);
  const isAdapted = parameters > 0 && table === 0;
  const logits = moveMs((LOGIT_BYTES / PARALLEL_CORES) * vocab * columns);
  const sumsInTable = isAdapted ? 0 : trainedTables;
  const blockShare = (of: (block: TimedBlock) => number) => blocks.toReversed().map((block) => of(block) / layers);
  return {
    /** Of each block of a layer, from the bottom up. */
    forward: blockShare(({ forward: share }) => share).map((share) => evaluation(forward, share)),
    backward: blockShare(({ kernels }) => kernels).map((share) => evaluation(backward, share)),
    /** What workers copy in a pass while the step waits. */
    staged: copyMs(step.stagedBytes) / accumulate,
    normForward: step.normsForward ? normMs(NORM_BYTES.forward) : 0,
    normBackward: normMs(NORM_BYTES.backward),
    ends: moveMs(END_BYTES * activation),
    /** The rest: what conversions a layer's ends need, copies between surfaces, and a table for a classifier on the device. */
    moved:
      (streamMs(isBeside ? 0 : 2 * copiedBytes) + conversion(convertedElements - ofClassifier - accumulate * made)) /
      accumulate,
    /** Of a layer's updated weights for passes in flight, which copy theirs beside other work. */
    weightCopies: isBeside ? streamMs(2 * copiedBytes) / layers : 0,
    logits,
    classifier: isOnDevice ? 0 : tables,
    /** Of a classifier on the device: the gradient of its table. */
    tableGradient: isOnDevice ? tables : 0,
    tableParts: Math.ceil(vocab / TABLE_GRADIENT_ROWS),
    /** Of a chunk of the vocabulary, where the classifier is on the device. */
    chunk: onDevice && {
      chunks,
      evaluation: evaluation(onDevice, 0.5 / chunks),
      table: expires ? conversion((vocab * dim) / chunks) : 0,
      softmax: (conversion(vocab * columns) + EXPONENTIAL_SHARE * logits) / chunks,
      gradient: (conversion(vocab * columns) + (1 - EXPONENTIAL_SHARE) * logits) / chunks,
      part: conversion(activation),
      addition: streamMs(STREAM_BYTES.add * activation),
    },
    input: conversion(activation),
    /** Weight gradients of each block of a layer, from the bottom up, and the sums of earlier passes that are added to them. */
    products: blocks.toReversed().map(({ matrices: share, gradients }) => {
      const elements = share * matrices;
      const own = gradients === undefined ? gemmMs(2 * elements * columns) : conversion(elements);
      return own + ((1 - sumsInTable) * sums * share) / (layers * accumulate);
    }),
    /** Of all weight gradients that the device makes in a pass. */
    conversions: conversion(made),
    /** Kernels that make the weight gradients of each block of a layer, from the bottom up; undefined where the host does. */
    gradients: blocks.toReversed().map(({ gradients }) => gradients && evaluation(gradients, 1 / layers)),
    tableSums: (sumsInTable * sums) / accumulate,
    square: { layers: (1 - inTables) * norm, tables: inTables * norm },
    adamw: {
      rows: Math.min(1, columns / vocab) * table * adamw,
      layer: ((1 - inTables) * adamw) / layers,
      tables: (inTables - Math.min(1, columns / vocab) * table) * adamw,
    },
    norm,
    update: adamw,
    sums,
  };
}
