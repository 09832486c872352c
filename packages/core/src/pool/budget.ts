import { invalidArgument } from '@mayfly/native';
import type { WorkerStats } from '@mayfly/worker';

/**
 * Limits after which a worker retires. The ANE's compiler refuses after roughly 119 compilations in a process; whether it
 * counts compilations or live programs differs by chip and release, so both have a limit.
 */
export interface Budget {
  /** Compilations in one process. Default 100. */
  readonly compilations: number;
  /** Programs loaded at once. Default 110. */
  readonly livePrograms: number;
  /** Evaluations in one process. Default Infinity. */
  readonly evaluations: number;
  /** Age in milliseconds. Default Infinity. */
  readonly ageMs: number;
  /** Bytes the device holds for programs. Default Infinity. */
  readonly residentBytes: number;
}

export const defaultBudget: Budget = {
  compilations: 100,
  livePrograms: 110,
  evaluations: Number.POSITIVE_INFINITY,
  ageMs: Number.POSITIVE_INFINITY,
  residentBytes: Number.POSITIVE_INFINITY,
};

/** Why a worker retires: the limit it reached. */
export type RetirementReason = keyof Budget | 'requested';

/** What the decision looks at. */
export interface WorkerUsage {
  /** Started ones count, whether they succeeded, failed or are under way. */
  readonly compilations: number;
  readonly evaluations: number;
  readonly startedAt: number;
  readonly stats: WorkerStats | null;
}

/** Fills in defaults; every limit is a number from 1 up, Infinity included. */
export function resolveBudget(given: Partial<Budget> = {}): Budget {
  const budget = { ...defaultBudget, ...given };
  for (const name of Object.keys(defaultBudget) as (keyof Budget)[]) {
    const limit = budget[name];
    if (typeof limit !== 'number' || !(limit >= 1))
      throw invalidArgument(`budget.${name}`, 'a number from 1 up', limit);
  }
  return budget;
}

/** The one predicate: the limit that a worker has reached by use, or null. Compilations are asked for by `mayCompile`. */
export function retirementReason(usage: WorkerUsage, budget: Budget, now: number): RetirementReason | null {
  if (usage.evaluations >= budget.evaluations) return 'evaluations';
  if (now - usage.startedAt >= budget.ageMs) return 'ageMs';
  if ((usage.stats?.residentBytes ?? 0) >= budget.residentBytes) return 'residentBytes';
  return null;
}

/** The limit that forbids one more compilation, or null. `livePrograms` counts those being compiled too. */
export function compilationLimit(usage: WorkerUsage, livePrograms: number, budget: Budget): RetirementReason | null {
  if (usage.compilations >= budget.compilations) return 'compilations';
  if (livePrograms >= budget.livePrograms) return 'livePrograms';
  return null;
}
