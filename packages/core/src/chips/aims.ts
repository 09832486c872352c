import { type ChipProfile, loadProfile } from '@mayfly/native';
import type { ModelConfig } from '../model/config.js';
import { presets } from '../model/presets.js';
import { gradientPlaces } from '../programs/gradient-option.js';
import { decoderLayerOf } from '../programs/layer.js';
import type { figuresBefore } from './before.js';
import type { Classifier, PlanOptions, WeightStrategy } from './plan-options.js';
import { planStep } from './planned-step.js';
import { type BusyTimes, busyTimes, timeStep } from './step-time.js';
import type { StepParts, TimedStep } from './timed-step.js';
import { planTraining } from './training-plan.js';

/** A published step that Mayfly's plan is held against. Times are milliseconds for each pass. */
export interface Aim {
  readonly what: string;
  readonly chip: keyof typeof figuresBefore;
  readonly config: ModelConfig;
  readonly options: Pick<PlanOptions, 'sequence' | 'accumulate' | 'withoutUpdate'>;
  /** Null where none is set. */
  readonly aim: number | null;
  /** The best published figure of such a step, by others. */
  readonly known: string;
}

const stories = presets.stories110m;
const qwen = presets['qwen3-0.6b'];
/** The classes that occur in the data of MAD's published runs, TinyStories in Llama's vocabulary, which others took over. */
const PUBLISHED_CLASSES = 9205;

/** Sources are those of `docs/reference/lint.md` and `docs/internals/simulator.md`. */
export const aims: Readonly<Record<string, Aim>> = {
  update: {
    ...{ what: 'Stories110M, 32,000 classes, an update each pass', chip: 'm4', config: stories },
    ...{ options: { sequence: 256 }, aim: 95, known: '' },
  },
  accumulated: {
    ...{ what: 'the same, a pass of ten before an update', chip: 'm4', config: stories },
    ...{ options: { sequence: 256, accumulate: 10 }, aim: 60, known: '' },
  },
  compact: {
    ...{ what: 'Stories110M as published: 9,205 classes, no update', chip: 'm4' },
    ...{ config: { ...stories, vocab: PUBLISHED_CLASSES }, options: { sequence: 256, withoutUpdate: true }, aim: 50 },
    known: '52 (FSP, without RoPE), 72 (NF), 91 (MAD)',
  },
  qwen: {
    ...{ what: 'Qwen3-0.6B, 151,936 classes, a pass of ten before an update', chip: 'm4-pro', config: qwen },
    ...{ options: { sequence: 256, accumulate: 10 }, aim: 215, known: '' },
  },
  qwenCompact: {
    ...{ what: 'Qwen3-0.6B as published: 9,205 classes, no update', chip: 'm4-pro' },
    ...{ config: { ...qwen, vocab: PUBLISHED_CLASSES }, options: { sequence: 256, withoutUpdate: true }, aim: null },
    known: '196 (NE, without norms of heads)',
  },
  layer: {
    ...{ what: 'one layer of 768, 512 tokens, without classifier and update', chip: 'm4' },
    ...{ config: { ...stories, layers: 1, vocab: 2, sequence: 512 }, options: { sequence: 512, withoutUpdate: true } },
    ...{ aim: 9, known: '9.3 (MAD, first README)' },
  },
};

/** A strategy for an aim's step, with the step's work on a chip. */
export interface AimStrategy {
  readonly weights: WeightStrategy;
  readonly classifier: Classifier;
  /** As in `PlanOptions`. */
  readonly weightGradients: string;
  /** Passes at the same time, on one worker. */
  readonly inFlight: number;
  readonly work: TimedStep;
}

/**
 * The strategies for an aim's step: each of weights, with the classifier on the host and on the device, and the same of weight gradients, of all blocks
 * or of those of a kind, one pass at a time and, where a step has several, two. Those that compile at each step are never the best.
 */
export function strategiesOf({ config, options }: Aim, profile: ChipProfile): readonly AimStrategy[] {
  const kinds = options.withoutUpdate ? (['dynamic', 'static'] as const) : (['dynamic', 'reloaded'] as const);
  const passes = (options.accumulate ?? 1) > 1 ? [1, 2] : [1];
  return kinds.flatMap((weights) =>
    (['host', 'device'] as const).flatMap((classifier) =>
      gradientPlaces(decoderLayerOf(config).blocks).flatMap((weightGradients) =>
        passes.map((inFlight) => {
          const strategy = { weights, classifier, weightGradients, inFlight };
          const { work } = planStep({ config, profile, batch: 1, precision: 'blas', ...options, ...strategy });
          return { ...strategy, work };
        }),
      ),
    ),
  );
}

/** The milliseconds of a step in all. */
export const totalMs = (work: TimedStep, profile: ChipProfile): number =>
  Object.values(timeStep(work, profile)).reduce((sum, part) => sum + part, 0);

/** The strategy with which a step takes least. */
export const best = <Each extends { readonly work: TimedStep }>(strategies: readonly Each[], profile: ChipProfile) =>
  strategies.reduce((a, b) => (totalMs(b.work, profile) < totalMs(a.work, profile) ? b : a));

/** An aim's step with the strategy that makes it shortest. Times are milliseconds for each pass. */
export interface PlannedAim extends AimStrategy {
  readonly total: number;
  readonly parts: StepParts;
  /** Work of each part of the chip. */
  readonly busy: BusyTimes;
  /** With the classifier on the host; with weight gradients there; with one pass at a time; with Mayfly's own products; on the CPU alone. */
  readonly others: Readonly<
    Record<'classifierOnHost' | 'gradientsOnHost' | 'oneAtATime' | 'exact' | 'processor', number>
  >;
}

/** Plans an aim's step with each strategy, and takes the best. */
export function planAim(aim: Aim): PlannedAim {
  const profile = loadProfile(aim.chip);
  const { accumulate = 1 } = aim.options;
  const strategies = strategiesOf(aim, profile);
  const shortest = best(strategies, profile);
  const { weights, classifier, work } = shortest;
  const perPass = <Times extends object>(times: Times) =>
    Object.fromEntries(Object.entries(times).map(([part, ms]: [string, number]) => [part, ms / accumulate])) as Times;
  const leastOf = (some: readonly AimStrategy[]) => totalMs(best(some, profile).work, profile);
  const shared = { config: aim.config, profile, batch: 1, precision: 'blas', ...aim.options } as const;
  return {
    ...shortest,
    total: totalMs(work, profile) / accumulate,
    parts: perPass(timeStep(work, profile)),
    busy: perPass(busyTimes(work, profile)),
    others: perPass({
      classifierOnHost: leastOf(strategies.filter((each) => each.classifier === 'host')),
      gradientsOnHost: leastOf(strategies.filter((each) => each.weightGradients === 'host')),
      oneAtATime: leastOf(strategies.filter((each) => each.inFlight === 1)),
      exact: leastOf(strategies.map((each) => ({ ...each, work: { ...each.work, products: 'exact' } }))),
      processor: planTraining({ ...shared, weights, classifier }).processor,
    }),
  };
}
