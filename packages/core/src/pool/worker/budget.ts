import { MayflyError } from '@mayfly/native';
import type { WorkerStats } from '@mayfly/worker';
import { limit } from '../../check.js';
import type { MachineLimits } from '../../machine/limits.js';
import { defaultsOf, type OptionTable, resolveOptions } from '../../option-table.js';

/**
 * Limits after which a worker retires. The ANE's compiler refuses after roughly 119 compilations in a process; whether it
 * counts compilations or live programs differs by chip and release, so both have a limit.
 */
export interface Budget {
  /** Compilations in one process, finished or failed. Default 100. */
  readonly compilations: number;
  /** Programs loaded at once. Default 110. */
  readonly livePrograms: number;
  /**
   * Evaluations in one process, finished or failed. The worker serves on until its successor is ready, but to no more than twice
   * this number: further runs wait. Default Infinity.
   */
  readonly evaluations: number;
  /** Age in milliseconds. Default Infinity. */
  readonly ageMs: number;
  /** Bytes the device holds for programs. Default Infinity. */
  readonly residentBytes: number;
  /**
   * Resident memory of the process in bytes, measured with every compilation and every 1,000 evaluations: on Linux without pages
   * that it shares, such as the arena's; elsewhere with them. Default Infinity.
   */
  readonly rssBytes: number;
  /**
   * Bytes by which that memory, less what the device holds for programs, grows in 1,000 evaluations: from the first thousand on,
   * over 4,000 at least. Default Infinity.
   */
  readonly rssGrowthBytes: number;
  /** Evaluations or compilations that the device failed. Default 1: a process that fails once may be poisoned. */
  readonly failures: number;
  /** How many times slower a worker's evaluations may become than its own first thousand. Default Infinity. */
  readonly slowdown: number;
}

/** The table of `Budget`. */
export const budgetOptions = {
  compilations: { rule: limit(1), default: 100 },
  livePrograms: { rule: limit(1), default: 110 },
  evaluations: {
    rule: limit(1),
    default: Number.POSITIVE_INFINITY,
    flag: '--retire-evaluations <n>',
    help: 'evaluations after which a worker retires',
    group: 'Workers:',
  },
  ageMs: { rule: limit(1), default: Number.POSITIVE_INFINITY },
  residentBytes: { rule: limit(1), default: Number.POSITIVE_INFINITY },
  rssBytes: { rule: limit(1), default: Number.POSITIVE_INFINITY },
  rssGrowthBytes: { rule: limit(1), default: Number.POSITIVE_INFINITY },
  failures: { rule: limit(1), default: 1 },
  slowdown: { rule: limit(1), default: Number.POSITIVE_INFINITY },
} as const satisfies OptionTable<Budget>;

export const defaultBudget: Budget = defaultsOf(budgetOptions);

/** Why a worker retires: the limit it reached. */
export type RetirementReason = keyof Budget | 'requested';

/** Whether the worker may go on evaluating the kernels it holds, and only compiles no more. */
export const keepsKernels = (reason: RetirementReason): boolean =>
  reason === 'compilations' || reason === 'livePrograms';

/** Whether the worker could even compile once more without harm. */
export const isSoft = (reason: RetirementReason): boolean => !keepsKernels(reason) && reason !== 'failures';

/** The account of a worker: what it used of its budget. */
export interface WorkerUsage {
  /** Compilations begun, whether they succeeded, failed or are under way. */
  readonly compilations: number;
  /** Programs loaded, less those that it was asked to unload. */
  readonly livePrograms: number;
  /** Compilations under way or promised. */
  readonly reserved: number;
  readonly evaluations: number;
  readonly failures: number;
  /** Bytes by which its memory grows in 1,000 evaluations; 0 while that is not known. */
  readonly rssGrowth: number;
  /** Recent evaluations against the worker's own first ones; 1 while that is not known. */
  readonly slowdown: number;
  readonly ageMs: number;
  readonly stats: WorkerStats | null;
  /** Set by `pool.rotate()`: retire regardless of use. */
  readonly replacementRequested: boolean;
}

/** Checks the user's limits. Fills in those measured on this machine, then the defaults. */
export const resolveBudget = (given?: Partial<Budget>, measured: Partial<Budget> = {}): Budget =>
  resolveOptions('budget', budgetOptions, given, { prefix: 'budget.', defaults: measured }).options;

/** Share of a measured limit that a worker may use: the next measurement may give a little less. */
const COMPILATION_SHARE = 0.85;
const LIVE_SHARE = 0.9;

/** The budget below measured limits; empty if nothing was measured. */
export function budgetOf(limits: MachineLimits | null): Partial<Budget> {
  if (limits === null) return {};
  const { compilations, livePrograms } = limits;
  return {
    compilations: Math.max(1, Math.floor(COMPILATION_SHARE * compilations)),
    ...(livePrograms === null ? {} : { livePrograms: Math.max(1, Math.floor(LIVE_SHARE * livePrograms)) }),
  };
}

/** Throws `ERR_BUDGET` if so many kernels do not fit on so many workers even without a single update. */
export function assertBudgetCovers(budget: Budget, kernels: number, workers: number): void {
  const each = Math.ceil(kernels / workers);
  for (const limit of ['compilations', 'livePrograms'] as const) {
    if (budget[limit] >= each) continue;
    throw new MayflyError(
      'ERR_BUDGET',
      `Expected budget.${limit} to cover ${kernels} kernels on ${workers} workers, which takes ${each} each, got ${budget[limit]}`,
    );
  }
}

/** The most that a worker may evaluate, as a multiple of its limit: it serves on until its successor is ready. */
export const MOST_OVERRUN = 2;

/** Largest share by which a worker's own limits are below the budget's. */
const JITTER = 0.2;

/** The budget of one worker: workers that start together must not retire together. Depends on the worker's id alone. */
export function jittered(budget: Budget, worker: number): Budget {
  const share = 1 - JITTER * ((worker * 0.618_033_988_75) % 1);
  return {
    ...budget,
    evaluations: Math.max(1, Math.round(budget.evaluations * share)),
    ageMs: budget.ageMs * share,
  };
}

/** The one predicate of retirement: the limit that a worker has reached, or null. `next`: what it is wanted for. */
export function retirementReason(
  usage: WorkerUsage,
  budget: Budget,
  next: 'compilation' | 'evaluation',
): RetirementReason | null {
  if (usage.failures >= budget.failures) return 'failures';
  if (usage.replacementRequested) return 'requested';
  if (usage.evaluations >= budget.evaluations) return 'evaluations';
  if (usage.ageMs >= budget.ageMs) return 'ageMs';
  if ((usage.stats?.residentBytes ?? 0) >= budget.residentBytes) return 'residentBytes';
  if ((usage.stats?.processBytes ?? 0) >= budget.rssBytes) return 'rssBytes';
  if (usage.rssGrowth >= budget.rssGrowthBytes) return 'rssGrowthBytes';
  if (usage.slowdown >= budget.slowdown) return 'slowdown';
  if (next === 'evaluation') return null;
  if (usage.compilations >= budget.compilations) return 'compilations';
  if (usage.livePrograms + usage.reserved >= budget.livePrograms) return 'livePrograms';
  return null;
}

/** Evaluations before the baseline of memory, and between two measurements: caches and heaps fill first. */
export const MEASURE_EVERY = 1_000;
/** Evaluations over which growth is told from noise. */
const GROWTH_OVER = 4_000;

/** How fast a process's memory grows with its evaluations. */
export class MemoryGrowth {
  #base: { readonly evaluations: number; readonly bytes: number } | null = null;

  /** Adds a measurement. Returns the growth in bytes per 1,000 evaluations since the first thousand; 0 while it is not known. */
  record(evaluations: number, bytes: number): number {
    if (this.#base === null) {
      if (evaluations >= MEASURE_EVERY) this.#base = { evaluations, bytes };
      return 0;
    }
    const since = evaluations - this.#base.evaluations;
    return since < GROWTH_OVER ? 0 : Math.max(0, (1000 * (bytes - this.#base.bytes)) / since);
  }
}

/** Evaluations of one kernel that make its own baseline. */
const BASELINE = 1000;
/** Weight of the newest evaluation in the running mean. */
const NEWEST = 1 / 256;

interface Pace {
  count: number;
  baseline: number;
  recent: number;
}

/** How much slower a worker's evaluations are than its own first thousand of the same kernel (some chips tire). */
export class ThroughputDrift {
  readonly #paces = new Map<object, Pace>();

  /** Adds an evaluation. Returns its kernel's recent mean over the baseline; 1 while there is no baseline. */
  record(kernel: object, nanoseconds: number): number {
    let pace = this.#paces.get(kernel);
    if (pace === undefined) {
      pace = { count: 0, baseline: 0, recent: 0 };
      this.#paces.set(kernel, pace);
    }
    pace.count += 1;
    if (pace.count <= BASELINE) {
      pace.baseline += (nanoseconds - pace.baseline) / pace.count;
      pace.recent = pace.baseline;
      return 1;
    }
    pace.recent += (nanoseconds - pace.recent) * NEWEST;
    return pace.recent / pace.baseline;
  }
}
