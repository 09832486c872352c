import type { ChipProfile } from '@mayfly/native';
import { stepOn } from './step-run.js';
import { ratesOf, tasksOf } from './step-tasks.js';
import type { StepParts, TimedStep } from './timed-step.js';
import { Timeline } from './timeline.js';

/** Enough for the updates of one to meet the passes of the next as they do ever after. */
const STEPS = 3;

/** The time of a step: counts of work by the constants of a chip, where each part waits for what the code has it wait for. */
export function timeStep(step: TimedStep, profile: ChipProfile): StepParts {
  const { parts } = runSteps(step, profile);
  const each = (part: keyof StepParts) => parts.get(part) ?? 0;
  return {
    kernels: each('kernels'),
    copies: each('copies'),
    classifier: each('classifier'),
    hostMath: each('hostMath'),
    weightGradients: each('weightGradients'),
    update: each('update'),
    waits: each('waits'),
    compilations: each('compilations'),
  };
}

/**
 * When the gradients of a step's last pass are made, in milliseconds from the begin of its backward pass: of a head of its own, of blocks from
 * the last one on, and of the embedding.
 */
export function lastGradients(step: TimedStep, profile: ChipProfile) {
  const { begin, products, table } = runSteps(step, profile).last;
  // A loss on the host has made the gradient of its table.
  return {
    head: step.onDevice === undefined ? 0 : table - begin,
    blocks: products.map((end) => end - begin).toReversed(),
    embedding: table - begin,
  };
}

/** The parts of the last of some steps, and when the gradients of its last pass were made. */
function runSteps(step: TimedStep, profile: ChipProfile) {
  const timeline = new Timeline<keyof StepParts>(profile.engines);
  const run = stepOn(timeline, step, profile);
  let last = run();
  for (let count = 1; count < STEPS; count++) {
    timeline.takeParts();
    last = run();
  }
  return { parts: timeline.takeParts(), last };
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
  const { config, accumulate, forward, backward, onDevice, columns, matrices, counts } = step;
  const { copyMs, lockMs, gemmMs } = ratesOf(profile, step.products);
  const { layers } = config;
  const tasks = tasksOf(step, profile);
  const made = step.blocks.flatMap(({ gradients }) => gradients ?? []);
  const engine = [forward, backward, ...made, ...(onDevice ? [onDevice] : [])].reduce(
    (sum, work) => sum + work.evaluationsMs + copyMs(work.copiedBytes) + lockMs(work.dispatches),
    tasks.staged,
  );
  const norms = layers * step.blocks.length * (tasks.normForward + tasks.normBackward);
  const { chunk } = tasks;
  const loss =
    tasks.ends +
    (chunk === undefined
      ? tasks.logits
      : tasks.input + chunk.chunks * (chunk.softmax + chunk.gradient + chunk.part + chunk.addition) - chunk.addition);
  const table = chunk === undefined ? 0 : chunk.chunks * chunk.table;
  const classifier = 2 * counts.host.classifierProducts * config.vocab * config.dim * columns;
  const onHost = step.blocks.reduce((sum, { gradients, matrices: share }) => sum + (gradients ? 0 : share), 0);
  return {
    engine: accumulate * engine,
    products: gemmMs(classifier + 2 * accumulate * layers * onHost * matrices * columns),
    memory:
      accumulate * (norms + loss + tasks.moved + tasks.conversions) + table + tasks.sums + tasks.norm + tasks.update,
  };
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
  { flops, activationBytes }: { readonly flops: number; readonly activationBytes: number },
): number {
  const { accumulate, config, matrices, columns } = step;
  const { gemmMs, moveMs } = ratesOf(profile, step.products);
  const kernels = gemmMs(flops + 2 * config.layers * matrices * columns) + moveMs(activationBytes);
  // On the device it leaves the host the product toward its table alone.
  const products = step.counts.host.classifierProducts + (step.onDevice ? 2 * accumulate : 0);
  const classifier = gemmMs(2 * products * config.vocab * config.dim * columns);
  // Nothing is converted that the host makes itself.
  const conversions = accumulate * tasksOf(step, profile).conversions;
  return accumulate * kernels + classifier + busyTimes(step, profile).memory - conversions;
}
