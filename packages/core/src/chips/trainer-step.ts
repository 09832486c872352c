import { type ChipProfile, timeMil } from '@mayfly/native';
import type { ModelConfig } from '../model/config.js';
import { type PlannedKernel, planStep } from './planned-step.js';
import { convolution, normalizationBackward, product, softmaxOver } from './probe-programs.js';
import { LOGIT_BYTES, NORM_BYTES, PARALLEL_CORES } from './step-tasks.js';

/**
 * How a public trainer divides a step between engine and host, as its source or its notes show. What it does like Mayfly's
 * programs in the variant that its author runs is timed as those.
 */
export interface TrainerStructure {
  readonly weights: 'static' | 'dynamic';
  /** Whether dynamic weights are those of convolutions, at the speed of static ones. Default: false, of products. */
  readonly convolves?: boolean;
  readonly attention: string;
  readonly feedForward: string;
  /** Programs of a layer that it has and the variant has not; fewer, if negative. Default: 0. */
  readonly moreDispatches?: number;
  /** `fp32`: surfaces are fp32, and all weights of a program are copied into its one surface at each dispatch. Default: `fp16`. */
  readonly surfaces?: 'fp16' | 'fp32';
  /**
   * How activations come into surfaces and out of them: converted between fp32 and fp16; as fp16; as fp16 that is stored past the caches.
   * Default: `converted`, and `plain` with fp32 surfaces.
   */
  readonly copies?: 'converted' | 'plain' | 'streamed';
  /** Where SiLU's gradient is computed. Default: `host`. */
  readonly gate?: 'host' | 'engine';
  /** Where the gradient of RoPE is computed: on the host with a sine and a cosine for each pair. Default: `engine`, or there is none. */
  readonly rope?: 'host' | 'engine';
  /** Where norms of layers are computed backward. Default: `host`. */
  readonly norms?: 'host' | 'engine';
  /**
   * Cross-entropy: over columns of logits, so that each is gathered and scattered; over rows; over rows on all cores.
   * Default: `rows`.
   */
  readonly logits?: 'columns' | 'rows' | 'parallel';
  /** The classifier's products that the engine computes, with the softmax. Default: none. */
  readonly head?: 'forward' | 'both';
  /** Where weight gradients are computed: on a queue of the host, beside the backward pass. Default: `host`. */
  readonly gradients?: 'host' | 'engine';
  /** Whether that queue gets copies of its operands. Default: true. */
  readonly capture?: boolean;
}

/** fp16 of conversion moves 2 + 4 bytes, a plain copy 2 + 2. */
const CONVERSION = 6 / 4;
/** NE on M4 Pro: 58.6 GB/s of stores past the caches, 40.3 of others. */
const STREAMED = 40.3 / 58.6;
/** Bytes of an element of SiLU's gradient: the count that `elementwiseGBps` was fitted with. */
const GATE_BYTES = 64;
/** Bytes of the four residual sums of a layer, each two reads and a write of fp32. */
const SUM_BYTES = 4 * 12;
/** Gathering and scattering a logit moves a cache line each. */
const LINE_BYTES = 64;
/** Where the engine computes softmax: two conversions, a copy, and a scaling. */
const GRADIENT_BYTES = 28;
/** A sine and a cosine: some 9 cycles each. */
const PAIR_NS = 4;

/** The parts of a step in milliseconds, without the update. */
export interface TrainerStep {
  readonly kernels: number;
  readonly copies: number;
  readonly hostMath: number;
  /** What of the weight gradients the backward pass does not hide. */
  readonly weightGradients: number;
}

/** The time that a trainer of this structure needs for a step of one window. */
export function timeTrainer(
  config: ModelConfig,
  structure: TrainerStructure,
  profile: ChipProfile,
  sequence: number,
): TrainerStep {
  const { weights, attention, feedForward, moreDispatches = 0, surfaces = 'fp16', head } = structure;
  const { layers, dim, hidden, heads, kvHeads, headDim, vocab } = config;
  const { clock, host } = profile;
  const form = { variants: { attention, feedForward } };
  const programs = structure.convolves === true ? 'static' : weights;
  const { kernels } = planStep({ config, profile, weights: programs, batch: 1, sequence, form });
  const backward = kernels.filter(({ name }) => /Backward(\.|$)/.test(name));
  const sum = (each: readonly PlannedKernel[], of: (kernel: PlannedKernel) => number) =>
    layers * each.reduce((total, kernel) => total + of(kernel), 0);
  const queries = heads * headDim;
  const keys = kvHeads * headDim;
  const layerParameters = dim * (2 * queries + 2 * keys + 3 * hidden);
  const isWide = surfaces === 'fp32';

  // Every parameter of a layer passes through a surface twice, forward and backward.
  const weightBytes = isWide ? 2 * 4 * layers * layerParameters : 0;
  const engineUs = (text: string) => timeMil(text, profile).evaluateUs;
  const headUs =
    head === undefined
      ? 0
      : (head === 'both'
          ? 2 * engineUs(product(vocab, dim, sequence).text)
          : engineUs(convolution(dim, vocab, sequence).text)) + engineUs(softmaxOver(vocab, sequence).text);
  const gradientsUs =
    structure.gradients !== 'engine'
      ? 0
      : layers *
        [
          [dim, hidden],
          [2 * hidden, dim],
          [2 * queries + 2 * keys, dim],
        ].reduce((total, [rows = 0, columns = 0]) => total + engineUs(product(rows, sequence, columns).text), 0);
  const normsUs = structure.norms === 'engine' ? 2 * layers * engineUs(normalizationBackward(dim, sequence).text) : 0;
  const wideUs = isWide
    ? (sum(kernels, ({ activationBytes }) => activationBytes) + weightBytes / 2) / (clock.surfaceGBps.value * 1000)
    : 0;
  const dispatches = layers * moreDispatches * clock.dispatchUs.value;
  const kernelsMs =
    (sum(kernels, ({ evaluateUs }) => evaluateUs) + dispatches + headUs + gradientsUs + normsUs + wideUs) / 1000;

  const { copies = isWide ? 'plain' : 'converted' } = structure;
  const share = { converted: CONVERSION, plain: isWide ? 2 : 1, streamed: STREAMED }[copies];
  const copyMs = (bytes: number) => bytes / (host.copyGBps.value * 1e6);
  const copied = (each: readonly PlannedKernel[]) =>
    copyMs(share * sum(each, ({ activationBytes }) => activationBytes));
  const copiesMs = copied(kernels) + copyMs(weightBytes);

  const moveMs = (bytes: number) => bytes / (host.elementwiseGBps.value * 1e6);
  const gemmMs = (flops: number) => flops / (host.gemmGflops.value * 1e6);
  const halves = 2 * layers * dim * sequence;
  const normsForward = programs === 'dynamic' ? moveMs(NORM_BYTES.forward * halves) : 0;
  const normsBackward = structure.norms === 'engine' ? 0 : moveMs(NORM_BYTES.backward * halves);
  const sums = moveMs((SUM_BYTES * halves) / 2);
  const gate = (structure.gate ?? 'host') === 'host' ? moveMs(GATE_BYTES * layers * hidden * sequence) : 0;
  const pairs = (layers * (queries + keys) * sequence) / 2;
  const rope = structure.rope === 'host' ? (pairs * PAIR_NS) / 1e6 : 0;
  const operands = layers * sequence * (5 * dim + 3 * hidden + 2 * queries + 2 * keys);
  const capture = structure.gradients === 'engine' || structure.capture === false ? 0 : copyMs(4 * operands);
  const { logits = 'rows' } = structure;
  const logitBytes =
    head !== undefined
      ? GRADIENT_BYTES
      : { columns: LOGIT_BYTES + 2 * LINE_BYTES, rows: LOGIT_BYTES, parallel: LOGIT_BYTES / PARALLEL_CORES }[logits];
  const headProducts = head === undefined ? 2 : head === 'forward' ? 1 : 0;
  const headFlops = 2 * vocab * dim * sequence;
  const loss = gemmMs(headProducts * headFlops) + moveMs(logitBytes * vocab * sequence);
  const hostMs = normsForward + normsBackward + sums + gate + rope + capture + loss;

  const backwardMs =
    (sum(backward, ({ evaluateUs }) => evaluateUs) + normsUs) / 1000 +
    copied(backward) +
    normsBackward +
    sums / 2 +
    gate +
    rope +
    capture;
  const queued = structure.gradients === 'engine' ? 0 : gemmMs(2 * layerParameters * layers * sequence + headFlops);
  return {
    kernels: kernelsMs,
    copies: copiesMs,
    hostMath: hostMs,
    weightGradients: Math.max(0, queued - backwardMs),
  };
}
