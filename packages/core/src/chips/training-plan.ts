import { type ChipProfile, lint } from '@mayfly/native';
import { defaultBudget } from '../pool/worker/budget.js';
import type { Classifier, PlanOptions, WeightStrategy } from './plan-options.js';
import { type PlannedKernel, planStep } from './planned-step.js';
import { timeOnProcessor, timeStep } from './step-time.js';
import type { StepWork } from './step-work.js';
import type { HostProducts, StepParts } from './timed-step.js';

/** One kernel of a layer. */
export interface KernelPlan extends Omit<PlannedKernel, 'text'> {
  /** Rules of `mayfly lint` that say that the chip would refuse it, or give wrong data. */
  readonly brokenRules: readonly string[];
}

/** The estimated cost of training, in milliseconds unless stated otherwise. */
export interface TrainingPlan {
  readonly chip: string;
  readonly weights: WeightStrategy;
  /** Where the classifier's products run. */
  readonly classifier: Classifier;
  /** Where weight gradients of layers are made: `host`, `device`, or the names of blocks that the device has. */
  readonly weightGradients: string;
  /** What computes the host's products: of `auto`, the one that it means. */
  readonly precision: HostProducts;
  /** Trained parameters: all, or those of the adapters. */
  readonly parameters: number;
  readonly tokensPerStep: number;
  /** Programs that are loaded at once. */
  readonly programs: number;
  /** As given, or as many workers as hold them within their budget. */
  readonly workers: number;
  /** Passes of a step that run at the same time. */
  readonly inFlight: number;
  readonly kernels: readonly KernelPlan[];
  /** One step: `accumulate` passes and an update. */
  readonly step: StepParts & { readonly total: number };
  /** The same step on the chip's processor alone, without the engine. */
  readonly processor: number;
  /** The work of a step, counted: that which a trainer counts (`TrainSummary.stepWork`). */
  readonly counts: StepWork;
  /** Every kernel compiled and loaded once. */
  readonly compilationRound: { readonly compilations: number; readonly milliseconds: number };
  readonly retirement: {
    /** Steps between two; Infinity where nothing uses workers up. */
    readonly everySteps: number;
    /** Time from the start of the standby until the last kernel is loaded on it. */
    readonly milliseconds: number;
    /** The part of it that a step waits for. */
    readonly stalledMs: number;
  };
  readonly day: {
    readonly steps: number;
    readonly tokens: number;
    readonly compilations: number;
    readonly retirements: number;
  };
}

const DAY_MS = 86_400_000;

/**
 * Costs of training on a chip by the model of `docs/internals/simulator.md`, without running anything.
 *
 * @throws `ERR_INVALID_ARGUMENT` for invalid options, and for reloaded weights with adapters, whose model never changes.
 */
export function planTraining(given: PlanOptions): TrainingPlan {
  const { options, kernels, work, parameters, programs, updated, roundMs } = planStep(given);
  const { profile, weights, accumulate, retireAfter, settleMs } = options;
  const { host, limits } = profile;
  const { config, counts, columns } = work;
  const step = timeStep(work, profile);
  const working = Object.values(step).reduce((a, b) => a + b, 0);
  const most = Math.min(retireAfter, defaultBudget.livePrograms, limits.compilations.value, limits.livePrograms.value);
  const workers = options.workers ?? Math.ceil(((weights === 'reloaded' ? 2 : 1) * programs) / most);
  const wears = weights === 'static' && !options.withoutUpdate && updated > 0;
  const rounds = Math.floor((retireAfter * workers - (programs - updated)) / updated);
  const everySteps = wears ? rounds : Number.POSITIVE_INFINITY;
  // The next generation is compiled on the standby in any case: a step waits only for its start, after the last exit.
  const starting = host.workerStartMs.value + settleMs;
  const stalledMs = wears ? Math.max(0, starting - everySteps * working) : 0;
  const total = working + (wears ? stalledMs / everySteps : 0);
  const steps = DAY_MS / total;
  const perModel = (of: (kernel: PlannedKernel) => number) =>
    config.layers * kernels.reduce((sum, each) => sum + of(each), 0);
  return {
    chip: profile.name,
    weights,
    classifier: options.classifier,
    weightGradients: options.weightGradients,
    precision: work.products,
    parameters,
    tokensPerStep: columns * accumulate,
    programs,
    workers,
    inFlight: work.inFlight,
    kernels: kernels.map(({ text, ...kernel }) => ({ ...kernel, brokenRules: brokenRules(text, profile) })),
    step: { ...step, total },
    processor: timeOnProcessor(work, profile, {
      flops: perModel(({ flops }) => flops),
      activationBytes: perModel(({ activationBytes }) => activationBytes),
    }),
    counts,
    compilationRound: { compilations: programs, milliseconds: roundMs },
    retirement: { everySteps, milliseconds: host.workerStartMs.value + roundMs, stalledMs },
    day: {
      steps,
      tokens: steps * columns * accumulate,
      // Of reloaded weights, two programs of each kernel take turns.
      compilations: wears ? steps * updated : weights === 'reloaded' ? 2 * programs : programs,
      retirements: steps / everySteps,
    },
  };
}

function brokenRules(text: string, profile: ChipProfile): readonly string[] {
  const errors = lint(text, profile).filter(({ level }) => level === 'error');
  return [...new Set(errors.map(({ rule }) => rule))];
}
