import type { DeviceLimit } from '@mayfly/native';
import type { MoveReason } from './kernel/kernel-host.js';
import type { Budget, RetirementReason } from './worker/budget.js';
import type { Chaos } from './worker/chaos-transport.js';
import type { LatencySummary } from './worker/latency-histogram.js';

/** What a pool tells its listeners. Times are milliseconds. */
export interface PoolEvents {
  workerStart: [event: { readonly worker: number; readonly pid: number }];
  workerReady: [event: { readonly worker: number; readonly pid: number; readonly ms: number }];
  workerRetire: [
    event: {
      readonly worker: number;
      readonly pid: number;
      readonly reason: RetirementReason;
      readonly compilations: number;
      readonly evaluations: number;
      readonly ageMs: number;
      /** Kernels that have to find another place. */
      readonly kernels: number;
    },
  ];
  workerExit: [
    event: {
      readonly worker: number;
      readonly pid: number;
      readonly exitCode: number | null;
      readonly signal: string | null;
      /** It was told to. */
      readonly expected: boolean;
      readonly reason: string | null;
      readonly lastWords: string;
    },
  ];
  /** A kernel's program was compiled. */
  compile: [
    event: {
      readonly kernel: string;
      readonly worker: number;
      readonly reason: MoveReason;
      readonly ms: number;
    },
  ];
  /** Emitted after `compile` where the worker is another one: `to` takes over from `from` (null: the kernel had no worker). */
  kernelMove: [
    event: {
      readonly kernel: string;
      readonly from: number | null;
      readonly to: number;
      readonly reason: MoveReason;
      readonly ms: number;
    },
  ];
  /** The device refused a compilation that the budget allowed; what the budget has for `limit` is now `to`. */
  budgetLower: [
    event: {
      readonly worker: number;
      /** What the device refused more of. */
      readonly limit: DeviceLimit;
      readonly from: number;
      readonly to: number;
      readonly message: string;
      /** The file in which it is kept as this machine's limit, of which the next run takes 85 %; null where it is not. */
      readonly keptIn: string | null;
    },
  ];
  /** A kernel failed on several workers and is run no more. */
  kernelQuarantine: [event: { readonly kernel: string; readonly error: Error }];
  /** A fault was injected, as `chaos` asked. */
  fault: [event: { readonly fault: keyof Chaos }];
  /** The pool can take calls again after having refused one. */
  drain: [];
}

/** The names of all of them. */
export const poolEventNames = Object.keys({
  workerStart: true,
  workerReady: true,
  workerRetire: true,
  workerExit: true,
  compile: true,
  kernelMove: true,
  budgetLower: true,
  kernelQuarantine: true,
  fault: true,
  drain: true,
} satisfies Record<keyof PoolEvents, true>) as (keyof PoolEvents)[];

/** Figures since the pool was made. */
export interface PoolStats {
  readonly dispatches: number;
  readonly compilations: number;
  readonly workersStarted: number;
  readonly retirements: number;
  /** Workers that ended unasked. */
  readonly deaths: number;
  /** Calls not yet settled. */
  readonly pending: number;
  /** Time in which a kernel had work and no place to do it, by the reason it had none; summed over kernels. */
  readonly stalledMs: Readonly<Record<MoveReason, number>>;
  /** Time in which compilations waited for a worker to become ready. */
  readonly waitedForWorkersMs: number;
  readonly workers: readonly WorkerSummary[];
  readonly kernels: readonly KernelSummary[];
}

export interface KernelSummary {
  readonly kernel: string;
  /** The worker it is placed on. */
  readonly worker: number | null;
  /** What devices took for its evaluations. */
  readonly device: LatencySummary;
}

export interface WorkerSummary {
  readonly worker: number;
  readonly pid: number;
  readonly state: string;
  readonly kernels: number;
  readonly compilations: number;
  readonly evaluations: number;
  readonly ageMs: number;
  /** Bytes its device holds for programs. */
  readonly residentBytes: number;
  /** Resident memory of its process, as last measured; see `Budget.rssBytes`. */
  readonly rssBytes: number;
  /** Bytes by which that grows in 1,000 evaluations; 0 while it is not known, or `budget` has no limit of memory. */
  readonly rssGrowthBytes: number;
  /** Why it retires; null while it does not. */
  readonly retirement: RetirementReason | null;
  readonly failures: number;
  /** Its own limits: with several workers, they do not all retire at once. */
  readonly budget: Budget;
  /** What its device took for evaluations. */
  readonly device: LatencySummary;
}
