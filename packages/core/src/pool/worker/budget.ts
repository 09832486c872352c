import { type AneApi, MayflyError } from '@mayfly/native';
import { limit } from '../../check.js';
import type { MachineLimits } from '../../machine/limits.js';
import { defaultsOf, type OptionTable, resolveOptions } from '../../option-table.js';

/**
 * Limits after which a worker retires. The ANE's compiler refuses after roughly 119 compilations in a process; whether it
 * counts compilations or live programs differs by API, chip and release, so both have a limit.
 */
export interface Budget {
  /** Compilations in one process, finished or failed. Default 100; Infinity with `MAYFLY_ANE_API=client`. */
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
  compilations: {
    rule: limit(1),
    default: 100,
    flag: '--retire-after <n>',
    help: 'compilations after which a worker retires',
    group: 'Workers:',
  },
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

/** Whether a worker that has reached this limit may go on to evaluate the kernels that it holds, without compiling more. */
export const keepsKernels = (reason: RetirementReason): boolean =>
  reason === 'compilations' || reason === 'livePrograms';

/** Whether a worker that has reached this limit could compile once more without harm. */
export const isSoft = (reason: RetirementReason): boolean => !keepsKernels(reason) && reason !== 'failures';

/** Checks the user's limits. Fills in those measured on this machine, then the defaults. */
export const resolveBudget = (given?: Partial<Budget>, measured: Partial<Budget> = {}): Budget =>
  resolveOptions('budget', budgetOptions, given, { prefix: 'budget.', defaults: measured }).options;

/** Share of a measured limit that a worker may use: the next measurement may give a little less. */
const COMPILATION_SHARE = 0.85;
const LIVE_SHARE = 0.9;

/**
 * The budget below measured limits; empty if nothing was measured. Only `_ANEInMemoryModel` is reported to run out of compilations:
 * with `_ANEClient` they have no limit, unless one was met on this machine.
 */
export function budgetOf(limits: MachineLimits | null, api: AneApi | null): Partial<Budget> {
  const isUnlimited = api === 'client' && limits?.compilationsRefused !== true;
  const unlimited = isUnlimited ? { compilations: Number.POSITIVE_INFINITY } : {};
  if (limits === null) return unlimited;
  const { compilations, livePrograms } = limits;
  return {
    compilations: Math.max(1, Math.floor(COMPILATION_SHARE * compilations)),
    ...unlimited,
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
