import { loadProfile } from '@mayfly/native';
import type { ModelConfig } from '../model/config.js';
import { presets } from '../model/presets.js';
import type { HostProducts } from './step-time.js';
import { type PlanOptions, planTraining, type TrainingPlan } from './training-plan.js';

/** A published step that Mayfly's plan is held against. Times are milliseconds for each pass. */
export interface Aim {
  readonly what: string;
  readonly chip: string;
  readonly config: ModelConfig;
  readonly options: Pick<PlanOptions, 'sequence' | 'accumulate' | 'withoutUpdate'>;
  /** Null where none is set. */
  readonly aim: number | null;
  /** The best published figure of such a step, by others. */
  readonly known: string;
}

const stories = presets.stories110m;
const qwen = presets['qwen3-0.6b'];
/** The classes that occur in the data of MAD's published runs, which others took over. */
const PUBLISHED_CLASSES = 9205;

/** Sources are those of `docs/reference/lint.md` and `docs/internals/simulator.md`. */
export const aims: readonly Aim[] = [
  {
    ...{ what: 'Stories110M, 32,000 classes, an update each pass', chip: 'm4', config: stories },
    ...{ options: { sequence: 256 }, aim: 95, known: '' },
  },
  {
    ...{ what: 'the same, a pass of ten before an update', chip: 'm4', config: stories },
    ...{ options: { sequence: 256, accumulate: 10 }, aim: 60, known: '' },
  },
  {
    ...{ what: 'Stories110M as published: 9,205 classes, no update', chip: 'm4' },
    ...{ config: { ...stories, vocab: PUBLISHED_CLASSES }, options: { sequence: 256, withoutUpdate: true }, aim: 50 },
    known: '52 (FSP, without RoPE), 72 (NF), 91 (MAD)',
  },
  {
    ...{ what: 'Qwen3-0.6B, 151,936 classes, a pass of ten before an update', chip: 'm4-pro', config: qwen },
    ...{ options: { sequence: 256, accumulate: 10 }, aim: 215, known: '' },
  },
  {
    ...{ what: 'Qwen3-0.6B as published: 9,205 classes, no update', chip: 'm4-pro' },
    ...{ config: { ...qwen, vocab: PUBLISHED_CLASSES }, options: { sequence: 256, withoutUpdate: true }, aim: null },
    known: '196 (NE, without norms of heads)',
  },
  {
    ...{ what: 'one layer of 768, 512 tokens, without classifier and update', chip: 'm4' },
    ...{ config: { ...stories, layers: 1, vocab: 2, sequence: 512 }, options: { sequence: 512, withoutUpdate: true } },
    ...{ aim: 9, known: '9.3 (MAD, first README)' },
  },
];

/** The plan of an aim's step with the strategy that makes it shortest, and the times of its parts in a pass. */
export function planAim(
  { chip, config, options }: Aim,
  precision: HostProducts,
): {
  readonly plan: TrainingPlan;
  readonly perPass: TrainingPlan['step'];
  readonly processor: number;
} {
  const shared = { config, profile: loadProfile(chip), batch: 1, precision, ...options };
  const plans = (['dynamic', 'static', 'reloaded'] as const).map((weights) => planTraining({ ...shared, weights }));
  const plan = plans.reduce((a, b) => (b.step.total < a.step.total ? b : a));
  const { accumulate = 1 } = options;
  const parts = Object.entries(plan.step).map(([part, milliseconds]) => [part, milliseconds / accumulate]);
  return {
    plan,
    perPass: Object.fromEntries(parts) as TrainingPlan['step'],
    processor: plan.processor / accumulate,
  };
}
